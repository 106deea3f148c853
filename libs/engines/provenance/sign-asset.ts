import { type Signer, type TimestampAuthority, SignerNotReadyError, coseSign1 } from '#pki';
import { runC2pa } from './c2pa-engine.ts';
import { type TrustAnchors, engineSettings } from './trust.ts';

/** Who signs claims here. */
export interface ClaimIdentity {
  readonly signer: Signer;
  /** Leaf, then intermediate. */
  readonly chainPem: string;
  readonly tsa: TimestampAuthority;
  readonly anchors: TrustAnchors;
}

/** What the consent assertion says: opaque link, hashes, level. Never a name. */
export interface ConsentAssertion {
  readonly status_url: string;
  readonly record_sha256: string;
  readonly scope_sha256: string;
  /** `none` where the evidence is an uploaded clip. */
  readonly assurance: string;
}

export interface ManifestSpec {
  /** An opaque name, such as `render.mp4`. */
  readonly title: string;
  readonly digitalSourceType: 'trainedAlgorithmicMedia' | 'compositeWithTrainedAlgorithmicMedia' | 'digitalCapture';
  readonly consent: ConsentAssertion;
  /** Ids and hashes of what this was made from. */
  readonly lineage: Readonly<Record<string, string>>;
  /** 64-bit watermark ids as 16 hex digits, one entry per medium that carries it. */
  readonly softBindings?: readonly { readonly alg: string; readonly value: string }[];
}

export interface IngredientSpec {
  readonly id: string;
  readonly title: string;
  /** A file that carries the ingredient's own manifest; without one, the ingredient is named by id and hash only. */
  readonly path?: string;
  readonly mimeType: string;
}

const SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/';
/** Claim, chain, token and room for a longer chain. */
const RESERVE = 12_000;

/**
 * Signs a file with a C2PA claim v2 (spec 2.4) and a time stamp. Returns the manifest bytes, which the registry keeps so that a
 * stripped file can be recovered through its watermark.
 * @throws SignerNotReadyError before any work without key, chain or anchors.
 */
export async function signAsset(
  file: { input: string; output: string; mimeType: string },
  spec: ManifestSpec,
  ingredients: readonly IngredientSpec[],
  identity: ClaimIdentity,
): Promise<Uint8Array> {
  requireReady(identity);
  const request = {
    op: 'sign' as const,
    ...file,
    definition: manifestDefinition(spec, ingredients),
    settings: engineSettings(identity.anchors),
    algorithm: identity.signer.algorithm === 'ES256' ? ('es256' as const) : ('ed25519' as const),
    reserveSize: RESERVE,
    ingredients: ingredients.map(({ id, title, path, mimeType }) => ({
      path,
      mimeType,
      definition: { title, format: mimeType, relationship: 'inputTo', label: id, instance_id: id },
    })),
  };
  const reply = await runC2pa(request, async (claim, reserveSize) =>
    coseSign1({ signer: identity.signer, chainPem: identity.chainPem, tsa: identity.tsa, claim, reserveSize }),
  );
  if (reply.type !== 'signed') throw new Error(`c2pa-rs could not sign: ${'reason' in reply ? reply.reason : reply.type}`);
  return reply.manifest;
}

/** Start-up asks this too: a service that cannot sign must not take work (case PR-03). */
export function requireReady(identity: ClaimIdentity | undefined): asserts identity is ClaimIdentity {
  if (!identity) throw new SignerNotReadyError('No signing identity is configured.');
  if (!identity.chainPem.includes('BEGIN CERTIFICATE')) throw new SignerNotReadyError('The certificate chain is missing.');
  if (!identity.anchors.claimRootsPem.includes('BEGIN CERTIFICATE'))
    throw new SignerNotReadyError('The trust anchors are missing: our own output could not be checked.');
}

function manifestDefinition(spec: ManifestSpec, ingredients: readonly IngredientSpec[]): object {
  const created = {
    action: 'c2pa.created',
    digitalSourceType: SOURCE_TYPE + spec.digitalSourceType,
    softwareAgent: { name: 'Assent', version: '0.1.0' },
    ...(ingredients.length > 0 ? { parameters: { ingredientIds: ingredients.map(({ id }) => id) } } : {}),
  };
  const bindings = spec.softBindings ?? [];
  const marked =
    bindings.length > 0 ? [{ action: 'c2pa.watermarked.bound', softwareAgent: { name: 'Assent', version: '0.1.0' } }] : [];
  const notAllowed = Object.fromEntries(
    ['cawg.data_mining', 'cawg.ai_inference', 'cawg.ai_generative_training', 'cawg.ai_training'].map((entry) => [
      entry,
      { use: 'notAllowed' },
    ]),
  );
  return {
    claim_generator_info: [{ name: 'Assent', version: '0.1.0', specVersion: '2.4.0' }],
    title: spec.title,
    assertions: [
      { label: 'c2pa.actions.v2', created: true, data: { allActionsIncluded: true, actions: [created, ...marked] } },
      ...bindings.map(({ alg, value }) => ({
        label: 'c2pa.soft-binding',
        created: true,
        data: { alg, blocks: [{ scope: {}, value }] },
      })),
      { label: 'cawg.training-mining', created: true, data: { entries: notAllowed } },
      { label: 'dev.assent.consent', created: true, kind: 'Json', data: spec.consent },
      { label: 'dev.assent.lineage', created: true, kind: 'Json', data: spec.lineage },
    ],
  };
}
