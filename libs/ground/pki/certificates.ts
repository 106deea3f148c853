import { X509Certificate } from 'node:crypto';

/** EKU of C2PA claim signing; leaves carry it together with emailProtection (the official profile; alone it is refused by verifiers). */
export const C2PA_CLAIM_SIGNING = '1.3.6.1.4.1.62558.2.1';
export const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';

/** What a leaf is asked to vouch for. The hierarchies never stand in for each other. */
export type CertificateRole = 'claim-signing' | 'time-stamping';
const ROLE_USAGE: Record<CertificateRole, string> = { 'claim-signing': C2PA_CLAIM_SIGNING, 'time-stamping': TIME_STAMPING };
const OTHER_USAGE: Record<CertificateRole, string> = { 'claim-signing': TIME_STAMPING, 'time-stamping': C2PA_CLAIM_SIGNING };

/** DER certificates of a PEM bundle, in order. */
export const pemToDer = (pem: string): Buffer[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g)].map((match) =>
    Buffer.from(match[1]!, 'base64'),
  );

/** Certificates of a PEM bundle, in order. @throws for a block that is no certificate. */
export const pemToCertificates = (pem: string): X509Certificate[] => pemToDer(pem).map((der) => new X509Certificate(der));

/** A leaf of this role, and of this role only: a certificate for both would let one hierarchy speak for the other. */
export function hasRole(leaf: X509Certificate, role: CertificateRole): boolean {
  const usages = leaf.keyUsage ?? []; // Node's name for the *extended* key usages
  return usages.includes(ROLE_USAGE[role]) && !usages.includes(OTHER_USAGE[role]) && !leaf.ca;
}

/**
 * What is wrong with a chain (leaf first, root optional) for this role at this instant; empty when it holds. Reports instead of
 * throwing: start-up turns the faults into a refusal, a verifier into a finding.
 */
export function verifyChain(chain: readonly X509Certificate[], rootsPem: string, role: CertificateRole, at: Date): string[] {
  const [leaf] = chain;
  if (!leaf) return ['the chain is empty'];
  const faults: string[] = [];
  for (let i = 0; i + 1 < chain.length; i++)
    if (!isIssuedBy(chain[i]!, chain[i + 1]!)) faults.push(`certificate ${i} was not issued by certificate ${i + 1}`);
  const roots = pemToCertificates(rootsPem);
  const last = chain.at(-1)!;
  const anchored = roots.some(
    (root) => isIssuedBy(last, root) || (chain.length > 1 && root.fingerprint256 === last.fingerprint256),
  );
  if (!anchored) faults.push(roots.length === 0 ? 'there are no trust anchors' : 'no trust anchor issued the chain');
  for (const [i, certificate] of chain.entries()) {
    if (at < new Date(certificate.validFrom)) faults.push(`certificate ${i} is not valid yet (from ${certificate.validFrom})`);
    if (at > new Date(certificate.validTo)) faults.push(`certificate ${i} has expired (${certificate.validTo})`);
  }
  if (!hasRole(leaf, role)) faults.push(`the leaf is not a certificate for ${role} alone`);
  return faults;
}

/** The leaf and whatever of the pool leads up from it, in order: others may send certificates in any order, or more than are needed. */
export function orderChain(leaf: X509Certificate, pool: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf];
  for (;;) {
    const last = chain.at(-1)!;
    const issuer = pool.find((candidate) => !chain.includes(candidate) && isIssuedBy(last, candidate));
    if (!issuer) return chain;
    chain.push(issuer);
  }
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

const DOCUMENT_SIGNING = '1.3.6.1.5.5.7.3.36';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';

/**
 * Whether a certificate of anybody may sign C2PA claims (C2PA 2.2 §14.5.1): one of the permitted usages, none that belongs to an
 * infrastructure role, no authority. Wider than `hasRole`, which is what we ask of our own.
 */
export function mayClaim(leaf: X509Certificate): boolean {
  const usages = leaf.keyUsage ?? [];
  const permitted = [C2PA_CLAIM_SIGNING, EMAIL_PROTECTION, DOCUMENT_SIGNING].some((usage) => usages.includes(usage));
  return permitted && !usages.includes(TIME_STAMPING) && !usages.includes(OCSP_SIGNING) && !leaf.ca;
}
