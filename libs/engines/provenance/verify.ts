import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type MarkRow, verifyMarkRow } from './mark-registry.ts';
import { type C2paReport, readC2pa } from './read-c2pa.ts';
import type { TrustAnchors } from './trust.ts';
import { type Detection, type WatermarkReport, searchWatermark } from './watermark-search.ts';

export interface VerifyOptions {
  readonly anchors: TrustAnchors;
  /** Signed registry rows. Without them a mark cannot be resolved: `cannot_tell`. */
  readonly marks?: readonly string[];
  readonly detection?: Detection;
}

/** One thing that was looked at. `unknown` is neither for nor against. */
export interface Check {
  readonly name: 'manifest' | 'watermark' | 'registry';
  readonly outcome: 'holds' | 'fails' | 'unknown';
  readonly detail: string;
}

export interface VerificationReport {
  readonly verdict: 'trusted' | 'not-trusted';
  /** One plain sentence first. */
  readonly sentence: string;
  readonly checks: readonly Check[];
  readonly sha256: string;
  readonly c2pa: C2paReport;
  readonly watermark: WatermarkReport;
}

/**
 * Everything we can say about a file, as a report: who signed it, whether it is unchanged, whether its marks are ours and belong to
 * these pictures. Never throws for what the file holds, and never takes an absent mark for authenticity.
 */
export async function verify(path: string, options: VerifyOptions): Promise<VerificationReport> {
  const c2pa = await readC2pa(path, options.anchors);
  const rows: MarkRow[] = [];
  for (const jws of options.marks ?? []) {
    const report = await verifyMarkRow(jws, options.anchors.claimRootsPem);
    if (report.valid) rows.push(report.row); // a row that nobody vouches for is not used: the mark then stays unresolved
  }
  const watermark = options.detection ? await searchWatermark(path, options.detection, rows) : byManifest(c2pa, rows);
  const checks = [manifestCheck(c2pa), watermarkCheck(c2pa, watermark), registryCheck(c2pa, rows)];
  // The policy: the manifest holds under an anchor that you chose, and nothing speaks against it.
  const trusted = checks[0]!.outcome === 'holds' && checks.every(({ outcome }) => outcome !== 'fails');
  return {
    verdict: trusted ? 'trusted' : 'not-trusted',
    sentence: sentenceOf(c2pa, watermark, checks),
    checks,
    sha256: await sha256Of(path),
    c2pa,
    watermark,
  };
}

const manifestCheck = (c2pa: C2paReport): Check => ({
  name: 'manifest',
  outcome: c2pa.state === 'trusted' ? 'holds' : 'fails',
  detail: c2pa.summary,
});

function watermarkCheck(c2pa: C2paReport, { state, id, video, audio }: WatermarkReport): Check {
  const check = (outcome: Check['outcome'], detail: string): Check => ({ name: 'watermark', outcome, detail });
  if (state === 'transplant_suspected')
    return check('fails', 'This file carries a watermark that belongs to other pictures or sound: it was probably copied here.');
  const claimed = c2pa.softBindings.map(({ value }) => value);
  const read = [video?.id, audio?.id].filter((found) => found !== undefined);
  if (claimed.length > 0 && read.some((found) => !claimed.includes(found)))
    return check('fails', 'The watermark in the file is not the one that the manifest names.');
  switch (state) {
    case 'match':
      return check(
        'holds',
        `The pictures carry the watermark ${id} and look like the ones it was made for. Small changes, such as other lips, do not show here.`,
      );
    case 'derived':
      return check('unknown', `The pictures carry the watermark ${id} and look only partly like the ones it was made for.`);
    case 'none':
      return check('unknown', 'No watermark of this deployment was found. That says nothing about where the file comes from.');
    case 'cannot_tell':
      return check('unknown', 'What the watermark says cannot be told.');
    case 'not_looked':
      return check('unknown', 'Pictures and sound were not searched: that needs the deployment’s keys.');
  }
}

/** A signed row names the manifest that was made for its mark: another manifest that claims the mark is not the published one. */
function registryCheck(c2pa: C2paReport, rows: readonly MarkRow[]): Check {
  const row = rows.find(({ id }) => c2pa.softBindings.some(({ value }) => value === id));
  if (!row) return { name: 'registry', outcome: 'unknown', detail: 'No signed registry row was given for this file.' };
  return row.manifest_sha256 === c2pa.manifestSha256
    ? { name: 'registry', outcome: 'holds', detail: `The registry names this manifest, for render ${row.render_id}.` }
    : {
        name: 'registry',
        outcome: 'fails',
        detail: 'The registry names another manifest for the watermark that this one claims.',
      };
}

function sentenceOf(c2pa: C2paReport, { state }: WatermarkReport, checks: readonly Check[]): string {
  const against = checks.find(({ name, outcome }) => outcome === 'fails' && name !== 'manifest');
  if (state === 'transplant_suspected' && against) return against.detail;
  if (c2pa.state !== 'trusted') {
    const known = state === 'match' || state === 'derived' ? ' Its watermark says that it was made from one of our renders.' : '';
    return c2pa.summary + known;
  }
  if (against) return against.detail;
  const consent = c2pa.consent
    ? ` It names the consent it was made under (assurance: ${c2pa.consent.assurance}).`
    : ' It names no consent.';
  return `Signed by ${c2pa.signer ?? 'an unnamed signer'} and unchanged since.${consent}`;
}

/** Without keys: what the signed manifest and the registry say about each other. */
function byManifest(c2pa: C2paReport, rows: readonly MarkRow[]): WatermarkReport {
  const row = rows.find((candidate) => c2pa.softBindings.some(({ value }) => value === candidate.id));
  return { state: 'not_looked', reasons: [], ...(row ? { id: row.id, renderId: row.render_id } : {}) };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
