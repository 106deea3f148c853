import type { X509Certificate } from 'node:crypto';
import { mayClaim } from '#pki';
import { CLAIM_LIST } from './trust.ts';

/** The honest states. Only `trusted` vouches for anything; `none` never means "authentic". */
export type C2paState =
  'trusted' | 'valid-untrusted' | 'tampered' | 'ingredient-failed' | 'revoked' | 'expired' | 'none' | 'unparsable';

export interface StatusEntry {
  readonly code: string;
  readonly explanation?: string;
}

interface IngredientEntry {
  readonly title?: string;
  readonly validation_results?: { readonly activeManifest?: { readonly failure?: readonly StatusEntry[] } };
  /** Claims before 2.0: one list, faults and successes mixed. */
  readonly validation_status?: readonly StatusEntry[];
}

export interface ManifestEntry {
  readonly assertions?: readonly { readonly label: string; readonly data: unknown }[];
  readonly ingredients?: readonly IngredientEntry[];
  readonly signature_info?: { readonly issuer?: string; readonly common_name?: string; readonly time?: string };
}

/** What c2pa-rs says about a file, as far as we read it. */
export interface EngineFindings {
  readonly active_manifest?: string;
  readonly validation_state?: string;
  readonly validation_results?: {
    readonly activeManifest?: {
      readonly success?: readonly StatusEntry[];
      readonly informational?: readonly StatusEntry[];
      readonly failure?: readonly StatusEntry[];
    };
    readonly ingredientDeltas?: readonly { readonly validationDeltas?: { readonly failure?: readonly StatusEntry[] } }[];
    readonly trustListUri?: string;
  };
  readonly manifests?: Readonly<Record<string, ManifestEntry>>;
}

export interface C2paVerdict {
  readonly state: C2paState;
  readonly summary: string;
  /** Codes of the specification that speak against the file, worst first. */
  readonly reasons: readonly string[];
}

const CHANGED = /mismatch|\.missing$|\.multiple|\.undeclared|\.inaccessible|general\.error|hashedURI|Hash\./;
const SUCCESS = /(^|\.)(match|validated|trusted|insideValidity|accessible|notRevoked)$/;
const UNTRUSTED = 'signingCredential.untrusted';

/**
 * The policy, in the order in which it is read: bytes, then revocation, then time, then what the file was made from, then who signed.
 * The engine's own state is not enough: it calls a file trusted whose ingredient was tampered with, and lets an anchor of one list
 * vouch in another role.
 */
export function judge(findings: EngineFindings, leaf: X509Certificate | undefined): C2paVerdict {
  const active = findings.validation_results?.activeManifest ?? {};
  const failures = codes(active.failure);
  const stamp = codes(active.informational).filter((code) => code.startsWith('timeStamp.') && !SUCCESS.test(code));
  const lineage = ingredientFailures(findings);
  const verdict = (state: C2paState, summary: string, extra: readonly string[] = []): C2paVerdict => ({
    state,
    summary,
    reasons: [...new Set([...extra, ...failures, ...stamp, ...lineage])],
  });

  if (failures.some((code) => CHANGED.test(code) && !code.startsWith('timeStamp.')))
    return verdict('tampered', 'The file or its manifest was changed after it was signed.');
  if (failures.some((code) => /revoked/.test(code))) return verdict('revoked', 'The signing certificate was revoked.');
  if (failures.some((code) => /expired|outsideValidity/.test(code)))
    return verdict('expired', 'The signing certificate had expired, and no time stamp proves an earlier signature.');
  const broken = failures.filter((code) => !code.startsWith('signingCredential.'));
  if (broken.length > 0) return verdict('tampered', `The manifest breaks a rule of C2PA (${broken[0]}).`);
  // Nobody's authority makes such a token: it was altered, so whoever altered it had the file.
  if (stamp.some((code) => /mismatch|malformed/.test(code)))
    return verdict('tampered', 'The time stamp was changed after it was made: it proves no time, and somebody altered the file.');
  if (lineage.length > 0) return verdict('ingredient-failed', 'Something this file was made from does not verify.');
  return whoSigned(findings, failures, leaf, verdict);
}

function whoSigned(
  findings: EngineFindings,
  failures: readonly string[],
  leaf: X509Certificate | undefined,
  verdict: (state: C2paState, summary: string, extra?: readonly string[]) => C2paVerdict,
): C2paVerdict {
  const vouched = findings.validation_state === 'Trusted' && failures.length === 0;
  if (!vouched || findings.validation_results?.trustListUri !== CLAIM_LIST) {
    const why = failures.includes(UNTRUSTED) ? [] : [UNTRUSTED];
    return verdict('valid-untrusted', 'The signature is intact, but nobody you trust vouches for the signer.', why);
  }
  // The engine takes any usage it knows, time stamping too, once an anchor issued the certificate.
  if (!leaf || !mayClaim(leaf))
    return verdict('valid-untrusted', 'The signature is intact, but its certificate was not issued for signing claims.', [
      'signingCredential.invalid',
    ]);
  return verdict('trusted', 'The file is exactly as its signer signed it.');
}

/**
 * Faults that were found in what the file was made from: by this reader, and by signers before, at any depth. An unknown signer of
 * an ingredient is no fault; the active signer took it in and answers for it.
 */
function ingredientFailures(findings: EngineFindings): string[] {
  const now = (findings.validation_results?.ingredientDeltas ?? []).flatMap((delta) => codes(delta.validationDeltas?.failure));
  const then = Object.values(findings.manifests ?? {}).flatMap((manifest) => (manifest.ingredients ?? []).flatMap(failuresOf));
  return [...now, ...then].filter((code) => code !== UNTRUSTED);
}

/** Codes against one ingredient, as recorded when it was taken in. */
export const failuresOf = ({ validation_results, validation_status }: IngredientEntry): string[] => [
  ...codes(validation_results?.activeManifest?.failure),
  ...codes(validation_status).filter((code) => !SUCCESS.test(code)),
];

const codes = (entries: readonly StatusEntry[] | undefined): string[] => (entries ?? []).map(({ code }) => code);
