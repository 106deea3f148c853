import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { type Signer, pemToDer, signJws, verifyChain, verifyJws } from '#pki';
import type { TrustAnchors } from './trust.ts';

/** What the registry knows about one watermark id. The id is a pointer; this row is what it points at. */
const markRow = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  kid: z.string(),
  render_id: z.uuid(),
  /** Of the C2PA manifest bytes: with it a stripped file finds its manifest again. */
  manifest_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  asset_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  media: z.array(z.enum(['video', 'audio'])),
  thumbnails: z.object({
    columns: z.int().min(1).max(256),
    rows: z.int().min(1).max(256),
    chips: z.int().min(1).max(1024),
    pictures: z.array(z.base64()).max(7200),
  }),
  issued_at: z.iso.datetime(),
});
export type MarkRow = z.infer<typeof markRow>;

const TYPE = 'assent-mark+jws';
const header = z.object({ alg: z.enum(['ES256', 'EdDSA']), typ: z.literal(TYPE), x5c: z.array(z.base64()).min(1).max(6) });

/** Signs a row with the C2PA key: compact JWS with the chain in `x5c`, so that the same anchors vouch for it. */
export const signMarkRow = (row: MarkRow, signer: Signer, chainPem: string): Promise<string> =>
  signJws(Buffer.from(JSON.stringify(row)), signer, { typ: TYPE, x5c: pemToDer(chainPem).map((der) => der.toString('base64')) });

export type MarkRowReport = { readonly valid: true; readonly row: MarkRow } | { readonly valid: false; readonly reason: string };

/** Whether a row is signed by a claim-signing certificate under these roots that was valid when the row was issued. */
export async function verifyMarkRow(jws: string, claimRootsPem: string): Promise<MarkRowReport> {
  const refuse = (reason: string): MarkRowReport => ({ valid: false, reason });
  const parsed = header.safeParse(decodeJson(jws.split('.')[0] ?? ''));
  if (!parsed.success) return refuse('the header is not one of a registry row');
  const chain = readChain(parsed.data.x5c);
  const [leaf] = chain;
  if (!leaf) return refuse('a certificate cannot be read');
  const signed = await verifyJws(jws, leaf.publicKey, { algorithm: parsed.data.alg, typ: TYPE });
  if (!signed.valid) return refuse(signed.reason);
  const row = markRow.safeParse(decodeJson(Buffer.from(signed.payload).toString('base64url')));
  if (!row.success) return refuse('the row does not fit its schema');
  const faults = verifyChain(chain, claimRootsPem, 'claim-signing', new Date(row.data.issued_at));
  return faults.length > 0 ? refuse(faults.join('; ')) : { valid: true, row: row.data };
}

/** The row if it verifies; a forged row is no row. */
export async function openMarkRow(jws: string, claimRootsPem: string): Promise<MarkRow | undefined> {
  const report = await verifyMarkRow(jws, claimRootsPem);
  return report.valid ? report.row : undefined;
}

export interface MarksReport {
  readonly rows: readonly MarkRow[];
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

/** Reads a `marks.json` (`{ "rows": [JWS, …] }`). Rows that do not verify are named, not used; nor are two rows for one id. */
export async function verifyMarks(json: string, { claimRootsPem }: Pick<TrustAnchors, 'claimRootsPem'>): Promise<MarksReport> {
  const file = z.object({ rows: z.array(z.string()) }).safeParse(parseJson(json));
  if (!file.success) return { rows: [], refused: [{ index: -1, reason: 'this is no marks file' }] };
  const rows: MarkRow[] = [];
  const refused: { index: number; reason: string }[] = [];
  for (const [index, jws] of file.data.rows.entries()) {
    const report = await verifyMarkRow(jws, claimRootsPem);
    if (!report.valid) refused.push({ index, reason: report.reason });
    else if (rows.some(({ id }) => id === report.row.id)) refused.push({ index, reason: 'another row has this id' });
    else rows.push(report.row);
  }
  return { rows, refused };
}

function readChain(x5c: readonly string[]): X509Certificate[] {
  try {
    const chain = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
    // A key of a kind that is not known here throws when it is asked for: before it is used.
    return chain.every(({ publicKey }) => publicKey.type === 'public') ? chain : [];
  } catch (error) {
    if (error instanceof Error) return []; // reported by the caller as unreadable
    throw error;
  }
}

const decodeJson = (base64url: string): unknown => parseJson(Buffer.from(base64url, 'base64url').toString());

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // fails every schema
    throw error;
  }
}
