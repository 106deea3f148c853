import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * What the consent assertion says: opaque link, hashes, level. Strict, so that no name or further field can slip into a file that
 * everybody may read and nobody can recall (DESIGN rule 8).
 */
export const consentAssertion = z.strictObject({
  status_url: z.string().regex(/^(https?:\/\/|urn:assent:)[^\s?#@]{1,300}$/),
  record_sha256: sha256,
  scope_sha256: sha256,
  /** `none` where the evidence is an uploaded clip. */
  assurance: z.string().regex(/^[\w.-]{1,40}$/),
});
export type ConsentAssertion = Readonly<z.infer<typeof consentAssertion>>;

/** Ids and hashes by name. */
export const lineageAssertion = z.record(z.string().regex(/^[a-z0-9_]{1,40}$/), z.string().max(128));

export interface ManifestSpec {
  /** An opaque name, such as `render`. */
  readonly title: string;
  readonly digitalSourceType: 'trainedAlgorithmicMedia' | 'compositeWithTrainedAlgorithmicMedia' | 'digitalCapture';
  readonly consent: ConsentAssertion;
  /** Ids and hashes of what this was made from. */
  readonly lineage: Readonly<Record<string, string>>;
  /** 64-bit watermark ids as 16 hex digits, one entry per medium that carries it. */
  readonly softBindings?: readonly { readonly alg: string; readonly value: string }[];
}

const AGENT = { name: 'Assent', version: '0.1.0' } as const;
const SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/';
const MINING = ['cawg.data_mining', 'cawg.ai_inference', 'cawg.ai_generative_training', 'cawg.ai_training'];

/**
 * The definition that c2pa-rs builds a claim v2 from (spec 2.4). Every assertion is `created`: made by this signer, not gathered.
 * @throws z.ZodError when the consent assertion or the lineage holds anything but ids, hashes and levels.
 */
export function manifestDefinition(spec: ManifestSpec, ingredientIds: readonly string[]): object {
  const consent = consentAssertion.parse(spec.consent);
  const lineage = lineageAssertion.parse(spec.lineage);
  const bindings = spec.softBindings ?? [];
  const created = {
    action: 'c2pa.created',
    digitalSourceType: SOURCE_TYPE + spec.digitalSourceType,
    softwareAgent: AGENT,
    ...(ingredientIds.length > 0 ? { parameters: { ingredientIds } } : {}),
  };
  const marked = bindings.length > 0 ? [{ action: 'c2pa.watermarked.bound', softwareAgent: AGENT }] : [];
  return {
    claim_generator_info: [{ ...AGENT, specVersion: '2.4.0' }],
    title: spec.title,
    assertions: [
      { label: 'c2pa.actions.v2', created: true, data: { allActionsIncluded: true, actions: [created, ...marked] } },
      ...bindings.map(({ alg, value }) => ({
        label: 'c2pa.soft-binding',
        created: true,
        data: { alg, blocks: [{ scope: {}, value }] },
      })),
      {
        label: 'cawg.training-mining',
        created: true,
        data: { entries: Object.fromEntries(MINING.map((entry) => [entry, { use: 'notAllowed' }])) },
      },
      { label: 'dev.assent.consent', created: true, kind: 'Json', data: consent },
      { label: 'dev.assent.lineage', created: true, kind: 'Json', data: lineage },
    ],
  };
}
