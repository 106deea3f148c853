import { statSync } from 'node:fs';
import { runC2pa } from './c2pa-engine.ts';
import { sniffMediaType } from './media-signature.ts';
import { CLAIM_LIST, type TrustAnchors, engineSettings } from './trust.ts';

/** The honest states. Only `trusted` vouches for anything; `none` never means "authentic". */
export type C2paState =
  'trusted' | 'valid-untrusted' | 'tampered' | 'ingredient-failed' | 'revoked' | 'expired' | 'none' | 'unparsable';

export interface C2paReport {
  readonly state: C2paState;
  /** One sentence for a person. */
  readonly summary: string;
  /** Status codes of the C2PA specification, or a word of the engine. */
  readonly reasons: readonly string[];
  readonly signer?: string;
  /** Only what a valid time-stamp token proves (case PR-02). */
  readonly signedAt?: string;
  readonly activeManifest?: string;
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

/** Larger files are refused by the caller; the engine reads them in pieces but hashes every byte. */
export const MAX_VERIFY_BYTES = 200 * 1024 * 1024;

interface StatusEntry {
  code: string;
  explanation?: string;
}
interface ManifestStore {
  active_manifest?: string;
  validation_state?: string;
  validation_results?: {
    activeManifest?: { success?: StatusEntry[]; failure?: StatusEntry[] };
    ingredientDeltas?: { validationDeltas?: { failure?: StatusEntry[] } }[];
    trustListUri?: string;
  };
  manifests?: Record<
    string,
    {
      assertions?: { label: string; data: Record<string, unknown> }[];
      ingredients?: { title?: string; validation_results?: { activeManifest?: { failure?: StatusEntry[] } } }[];
      signature_info?: { issuer?: string; common_name?: string; time?: string };
    }
  >;
}

const empty = (state: C2paState, summary: string, reasons: string[] = []): C2paReport => ({
  state,
  summary,
  reasons,
  softBindings: [],
  ingredients: [],
});

/** Reads and judges the C2PA manifest of a file. Reports, never throws for what the file holds. */
export async function readC2pa(path: string, anchors: TrustAnchors): Promise<C2paReport> {
  const { size } = statSync(path);
  if (size === 0) return empty('unparsable', 'The file is empty.', ['media-empty']);
  if (size > MAX_VERIFY_BYTES)
    return empty('unparsable', `The file is larger than ${MAX_VERIFY_BYTES / 1024 / 1024} MB.`, ['upload-too-large']);
  const mimeType = sniffMediaType(path);
  if (mimeType === undefined)
    return empty('unparsable', 'This is no picture, video or sound that we can read.', ['media-type-unsupported']);
  const reply = await runC2pa({ op: 'read', input: path, mimeType, settings: engineSettings(anchors) });
  if (reply.type === 'read') return judge(JSON.parse(reply.json) as ManifestStore);
  const reason = 'reason' in reply ? reply.reason : reply.type;
  // Only the engine's own "not found" is "none"; every other throw is a finding (DESIGN rule 19).
  if (/JumbfNotFound|no JUMBF data found|ProvenanceMissing/i.test(reason))
    return empty('none', 'The file carries no C2PA manifest. That says nothing about where it comes from.');
  if (/remote manifest|RemoteManifestUrl/i.test(reason)) {
    return empty('none', 'The file names a manifest at another address; we do not fetch it, so it vouches for nothing.', [
      'manifest.inaccessible',
    ]);
  }
  if (/multiple manifest|more than one|TooManyManifestStores/i.test(reason))
    return empty('tampered', 'The file holds more than one manifest store.', ['manifest.multiple']);
  return empty('unparsable', `The manifest cannot be read: ${reason.slice(0, 200)}`, ['manifest.unreadable']);
}

function judge(store: ManifestStore): C2paReport {
  const manifest = store.manifests?.[store.active_manifest ?? ''];
  const results = store.validation_results ?? {};
  const failures = (results.activeManifest?.failure ?? []).map(({ code }) => code);
  const successes = (results.activeManifest?.success ?? []).map(({ code }) => code);
  const deltas = (results.ingredientDeltas ?? [])
    .flatMap((delta) => delta.validationDeltas?.failure ?? [])
    .map(({ code }) => code);
  const ingredients = (manifest?.ingredients ?? []).map((ingredient) => ({
    title: ingredient.title ?? '',
    failures: (ingredient.validation_results?.activeManifest?.failure ?? []).map(({ code }) => code),
  }));
  const { state, summary } = stateOf(store, failures, [...deltas, ...ingredients.flatMap((ingredient) => ingredient.failures)]);
  const data = (label: string): Record<string, unknown> | undefined =>
    manifest?.assertions?.find((assertion) => assertion.label === label)?.data;
  const consent = data('dev.assent.consent') as C2paReport['consent'];
  const lineage = data('dev.assent.lineage') as C2paReport['lineage'];
  const info = manifest?.signature_info;
  return {
    state,
    summary,
    reasons: [...new Set([...failures, ...deltas])],
    softBindings: (manifest?.assertions ?? []).filter(({ label }) => label.startsWith('c2pa.soft-binding')).map(({ data: binding }) => ({
      alg: (binding['alg'] as string | undefined) ?? '',
      value: (binding['blocks'] as { value?: string }[] | undefined)?.[0]?.value ?? '',
    })), // prettier-ignore
    ingredients,
    ...(store.active_manifest === undefined ? {} : { activeManifest: store.active_manifest }),
    ...(info?.issuer === undefined ? {} : { signer: info.common_name ?? info.issuer }),
    ...(info?.time !== undefined && successes.includes('timeStamp.trusted') ? { signedAt: info.time } : {}),
    ...(consent === undefined ? {} : { consent }),
    ...(lineage === undefined ? {} : { lineage }),
  };
}

/**
 * The policy, in the order in which it is read: bytes, then revocation, then time, then who signed, then what it was made from.
 * The engine's own state is not enough: it calls a file trusted whose ingredient was tampered with, and lets an anchor of one list
 * vouch in another role.
 */
function stateOf(store: ManifestStore, failures: string[], ingredientFailures: string[]): { state: C2paState; summary: string } {
  const is = (pattern: RegExp): boolean => failures.some((code) => pattern.test(code));
  if (
    is(
      /mismatch|Hash\.|claimSignature\.(missing|mismatch)|assertion\.(missing|undeclared|inaccessible)|claim\.(missing|multiple)|general\.error/,
    )
  ) {
    return { state: 'tampered', summary: 'The file or its manifest was changed after it was signed.' };
  }
  if (is(/revoked/)) return { state: 'revoked', summary: 'The signing certificate was revoked.' };
  if (is(/expired|outsideValidity/))
    return { state: 'expired', summary: 'The signing certificate had expired, and no time stamp proves an earlier signature.' };
  const otherFailures = failures.filter((code) => code !== 'signingCredential.untrusted');
  if (otherFailures.length > 0)
    return { state: 'tampered', summary: `The manifest breaks a rule of C2PA (${otherFailures[0]}).` };
  if (store.validation_state !== 'Trusted' || failures.length > 0 || store.validation_results?.trustListUri !== CLAIM_LIST) {
    return { state: 'valid-untrusted', summary: 'The signature is intact, but nobody you trust vouches for the signer.' };
  }
  if (ingredientFailures.some((code) => code !== 'signingCredential.untrusted')) {
    return { state: 'ingredient-failed', summary: 'Something this file was made from does not verify.' };
  }
  return { state: 'trusted', summary: 'The file is exactly as its signer signed it.' };
}
