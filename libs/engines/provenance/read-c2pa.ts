import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { z } from 'zod';
import { type C2paReply, runC2pa } from './c2pa-engine.ts';
import { type C2paState, type EngineFindings, type ManifestEntry, failuresOf, judge } from './c2pa-verdict.ts';
import { findSigningCertificate } from './manifest-store.ts';
import { consentAssertion, lineageAssertion } from './manifest-definition.ts';
import { sniffMediaType } from './media-signature.ts';
import { type TrustAnchors, engineSettings } from './trust.ts';

export interface C2paReport {
  readonly state: C2paState;
  /** One sentence for a person. */
  readonly summary: string;
  /** Status codes of the C2PA specification, or a slug of ours. */
  readonly reasons: readonly string[];
  readonly signer?: string;
  /** Only what a valid time-stamp token proves (case PR-02). */
  readonly signedAt?: string;
  readonly activeManifest?: string;
  /** Of the manifest store in the file: a registry row names it. */
  readonly manifestSha256?: string;
  readonly consent?: {
    readonly status_url: string;
    readonly record_sha256: string;
    readonly scope_sha256: string;
    readonly assurance: string;
  };
  readonly lineage?: Readonly<Record<string, string>>;
  readonly softBindings: readonly { readonly alg: string; readonly value: string }[];
  readonly ingredients: readonly { readonly title: string; readonly failures: readonly string[] }[];
}

/** Larger files are reported and not read; the engine takes pieces but hashes every byte. */
export const MAX_VERIFY_BYTES = 200 * 1024 * 1024;

const nothing = (state: C2paState, summary: string, reasons: string[] = []): C2paReport => ({
  state,
  summary,
  reasons,
  softBindings: [],
  ingredients: [],
});

/**
 * Reads and judges the C2PA manifest of a file or of bytes. The content decides what it is, never a name. Reports, never throws for
 * what the file holds; a path that does not exist is the caller's mistake and throws.
 */
export async function readC2pa(source: string | Uint8Array, anchors: TrustAnchors): Promise<C2paReport> {
  const size = typeof source === 'string' ? statSync(source).size : source.length;
  if (size === 0) return nothing('unparsable', 'The file is empty.', ['media-empty']);
  if (size > MAX_VERIFY_BYTES)
    return nothing('unparsable', `The file is larger than ${MAX_VERIFY_BYTES / 1024 / 1024} MB.`, ['upload-too-large']);
  const mimeType = sniffMediaType(source);
  if (mimeType === undefined)
    return nothing('unparsable', 'This is no picture, video or sound that can carry a manifest.', ['media-type-unsupported']);
  const reply = await runC2pa({ op: 'read', input: source, mimeType, settings: engineSettings(anchors) });
  return reply.type === 'read' ? report(reply) : unread('reason' in reply ? reply.reason : reply.type);
}

/** Only the engine's own "not found" is "none"; every other throw is a finding (DESIGN rule 19). */
function unread(reason: string): C2paReport {
  if (reason === 'C2pa(JumbfNotFound)')
    return nothing('none', 'The file carries no C2PA manifest. That says nothing about where it comes from.');
  const remote = /^C2pa\(RemoteManifestUrl\("(.{0,2000})"\)\)$/.exec(reason)?.[1];
  if (remote !== undefined)
    return nothing(
      'none',
      `The file names a manifest at another address (${remote.slice(0, 200)}). It was not fetched, so it vouches for nothing.`,
      ['manifest.inaccessible'],
    );
  if (reason === 'C2pa(TooManyManifestStores)')
    return nothing('tampered', 'The file holds more than one manifest store.', ['manifest.multipleStores']);
  return nothing('unparsable', `The manifest cannot be read: ${reason.slice(0, 200)}.`, ['manifest.unreadable']);
}

function report({ json, store }: Extract<C2paReply, { type: 'read' }>): C2paReport {
  const findings = JSON.parse(json) as EngineFindings;
  const { active_manifest: label } = findings;
  const manifest = findings.manifests?.[label ?? ''];
  const leaf = store && label !== undefined ? findSigningCertificate(store, label) : undefined;
  const assertions = manifest?.assertions ?? [];
  // Whoever signed may have written anything under these labels: what does not fit its schema was not said.
  const said = <T>(wanted: string, schema: z.ZodType<T>): T | undefined =>
    schema.safeParse(assertions.find((assertion) => assertion.label === wanted)?.data).data;
  const consent = said('dev.assent.consent', consentAssertion);
  const lineage = said('dev.assent.lineage', lineageAssertion);
  const signer = manifest?.signature_info?.common_name ?? manifest?.signature_info?.issuer;
  const signedAt = provenTime(findings);
  return {
    ...judge(findings, leaf),
    softBindings: softBindingsIn(assertions),
    ingredients: (manifest?.ingredients ?? []).map((entry) => ({ title: entry.title ?? '', failures: failuresOf(entry) })),
    ...(label === undefined ? {} : { activeManifest: label }),
    ...(store === undefined ? {} : { manifestSha256: createHash('sha256').update(store).digest('hex') }),
    ...(signer === undefined ? {} : { signer }),
    ...(signedAt === undefined ? {} : { signedAt }),
    ...(consent === undefined ? {} : { consent }),
    ...(lineage === undefined ? {} : { lineage }),
  };
}

const softBinding = z.object({ alg: z.string().max(100), blocks: z.array(z.object({ value: z.string().max(1000) })).min(1) });

function softBindingsIn(assertions: NonNullable<ManifestEntry['assertions']>): C2paReport['softBindings'] {
  return assertions.flatMap(({ label, data }) => {
    const binding = label.startsWith('c2pa.soft-binding') ? softBinding.safeParse(data).data : undefined;
    return binding ? [{ alg: binding.alg, value: binding.blocks[0]!.value }] : [];
  });
}

/** The engine also shows the time of a token that it could not validate; we do not. */
function provenTime({ active_manifest, manifests, validation_results }: EngineFindings): string | undefined {
  const successes = (validation_results?.activeManifest?.success ?? []).map(({ code }) => code);
  if (!successes.includes('timeStamp.validated') || !successes.includes('timeStamp.trusted')) return undefined;
  return manifests?.[active_manifest ?? '']?.signature_info?.time;
}
