/** Anchors by role. A time-stamping root must not vouch for claims, nor the other way round. */
export interface TrustAnchors {
  readonly claimRootsPem: string;
  readonly tsaRootsPem: string;
}

export const CLAIM_LIST = 'urn:assent:claim-signers';
const TSA_LIST = 'urn:assent:time-stamp-authorities';

const ROLE = { claim: '# role: claim-signing', tsa: '# role: time-stamping' } as const;

/** One PEM file for both lists: text between the blocks is allowed in PEM, and says which list a root belongs to. */
export const formatAnchors = (anchors: TrustAnchors): string =>
  `${ROLE.claim}\n${anchors.claimRootsPem.trim()}\n${ROLE.tsa}\n${anchors.tsaRootsPem.trim()}\n`;

/** A root without a role line vouches for claims only. */
export function parseAnchors(pem: string): TrustAnchors {
  const roots = { claim: '', tsa: '' };
  let role: 'claim' | 'tsa' = 'claim';
  for (const match of pem.matchAll(
    /^# role: (claim-signing|time-stamping)\s*$|-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/gm,
  )) {
    if (match[1] !== undefined) role = match[1] === 'time-stamping' ? 'tsa' : 'claim';
    else roots[role] += match[0] + '\n';
  }
  return { claimRootsPem: roots.claim, tsaRootsPem: roots.tsa };
}

/** Settings of c2pa-rs: no network whatever the file says, trust by our two lists only. */
export function engineSettings(anchors: TrustAnchors, options: { verifyAfterSign?: boolean } = {}): string {
  const list = [
    { trust_uri: CLAIM_LIST, trust_kind: 'manifest', trust_anchors: anchors.claimRootsPem },
    { trust_uri: TSA_LIST, trust_kind: 'tsa', trust_anchors: anchors.tsaRootsPem },
  ].filter(({ trust_anchors }) => trust_anchors.trim() !== '');
  return JSON.stringify({
    verify: { verify_after_sign: options.verifyAfterSign ?? true, remote_manifest_fetch: false, verify_trust: true },
    core: { allowed_network_hosts: [] },
    trust: { anchors: list },
    builder: { thumbnail: { enabled: false } },
  });
}
