import { X509Certificate } from 'node:crypto';
import { compactVerify } from 'jose';
import { z } from 'zod';
import { type Signer, pemToDer } from '#pki';

/** What the registry knows about one watermark id. The id is a pointer; this row is what it points at. */
const markRow = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  kid: z.string(),
  render_id: z.uuid(),
  /** Of the C2PA manifest bytes: with it a stripped file finds its manifest again. */
  manifest_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  asset_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  media: z.array(z.enum(['video', 'audio'])),
  thumbnails: z.object({ columns: z.int(), rows: z.int(), chips: z.int(), pictures: z.array(z.string()) }),
  issued_at: z.iso.datetime(),
});
export type MarkRow = z.infer<typeof markRow>;

const TYPE = 'assent-mark+jws';
const base64url = (value: Uint8Array | string): string => Buffer.from(value).toString('base64url');

/** Signs a row with the C2PA key: compact JWS with the chain in `x5c`, so that the same anchors vouch for it. */
export async function signMarkRow(row: MarkRow, signer: Signer, chainPem: string): Promise<string> {
  const header = { alg: signer.algorithm, typ: TYPE, x5c: pemToDer(chainPem).map((der) => der.toString('base64')) };
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(row))}`;
  return `${input}.${base64url(await signer.sign(Buffer.from(input)))}`;
}

/** The row, if it is signed under one of the claim roots. Undefined otherwise: a forged row is no row. */
export async function openMarkRow(jws: string, claimRootsPem: string): Promise<MarkRow | undefined> {
  try {
    const header = JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString()) as { x5c?: string[]; typ?: string };
    const chain = (header.x5c ?? []).map((der) => new X509Certificate(Buffer.from(der, 'base64')));
    const roots = pemToDer(claimRootsPem).map((der) => new X509Certificate(der));
    if (header.typ !== TYPE || !chainsTo(chain, roots)) return undefined;
    const { payload } = await compactVerify(jws, chain[0]!.publicKey, { algorithms: ['ES256', 'EdDSA'] });
    return markRow.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch {
    return undefined; // malformed in any way: the same as forged
  }
}

function chainsTo(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  const [leaf] = chain;
  if (!leaf) return false;
  const issuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
    certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey) && issuer.ca;
  for (let i = 0; i + 1 < chain.length; i++) if (!issuedBy(chain[i]!, chain[i + 1]!)) return false;
  return roots.some((root) => issuedBy(chain.at(-1)!, root));
}
