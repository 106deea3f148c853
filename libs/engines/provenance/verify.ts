import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { RgbFrame } from '#kernel';
import { type MarkRow, openMarkRow } from './mark-registry.ts';
import { type C2paReport, readC2pa } from './read-c2pa.ts';
import type { TrustAnchors } from './trust.ts';
import {
  type AudioMarkReport,
  type Binding,
  type MarkKey,
  type VideoMarkReport,
  compareThumbnails,
  detectAudioMark,
  detectVideoMark,
} from './watermark/index.ts';

/** Pictures and sound of a file, made by whoever calls us (in the sandbox). Engines do not decode untrusted bytes themselves. */
export interface MediaDecoder {
  /** In order; a still picture is one frame. */
  frames(path: string): AsyncIterable<RgbFrame>;
  /** Mono at 48 kHz, or null without sound. */
  audio(path: string): Promise<Float32Array | null>;
}

export interface VerifyOptions {
  readonly anchors: TrustAnchors;
  /** Signed registry rows. Without them a mark cannot be resolved: `cannot_tell`. */
  readonly marks?: readonly string[];
  /** Needs the deployment's keys: only the operator's own endpoint can look into the pixels. */
  readonly detection?: { readonly keys: readonly MarkKey[]; readonly decoder: MediaDecoder; readonly cpuBudgetMs?: number };
}

export interface WatermarkReport {
  readonly state: Binding | 'none' | 'not_looked';
  readonly id?: string;
  readonly video?: VideoMarkReport;
  readonly audio?: AudioMarkReport;
  readonly similarity?: number;
  readonly renderId?: string;
}

export interface VerificationReport {
  readonly verdict: 'trusted' | 'not-trusted';
  /** One plain sentence first. */
  readonly sentence: string;
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
  const rows = (await Promise.all((options.marks ?? []).map((row) => openMarkRow(row, options.anchors.claimRootsPem)))).filter(
    (row) => row !== undefined,
  );
  const watermark = options.detection
    ? await lookForMarks(path, options.detection, rows, options.marks !== undefined)
    : byManifest(c2pa, rows);
  return { ...verdictOf(c2pa, watermark), sha256: await sha256Of(path), c2pa, watermark };
}

/** The policy. Read it aloud: unchanged and signed by somebody you trust, and no mark that contradicts it. */
function verdictOf(c2pa: C2paReport, watermark: WatermarkReport): { verdict: 'trusted' | 'not-trusted'; sentence: string } {
  if (watermark.state === 'transplant_suspected') {
    return {
      verdict: 'not-trusted',
      sentence: 'This file carries a watermark that belongs to other pictures: it was probably copied here.',
    };
  }
  if (c2pa.state !== 'trusted') {
    const known =
      watermark.state === 'match' || watermark.state === 'derived'
        ? ' Its watermark says that it was made from one of our renders.'
        : '';
    return { verdict: 'not-trusted', sentence: c2pa.summary + known };
  }
  const claimed = c2pa.softBindings.map(({ value }) => value);
  if (watermark.id !== undefined && claimed.length > 0 && !claimed.includes(watermark.id)) {
    return { verdict: 'not-trusted', sentence: 'The watermark in the pictures is not the one that the signed manifest names.' };
  }
  const consent = c2pa.consent
    ? ` It names the consent it was made under (assurance: ${c2pa.consent.assurance}).`
    : ' It names no consent.';
  return { verdict: 'trusted', sentence: `Signed by ${c2pa.signer ?? 'an unnamed signer'} and unchanged since.${consent}` };
}

async function lookForMarks(
  path: string,
  detection: NonNullable<VerifyOptions['detection']>,
  rows: readonly MarkRow[],
  registryKnown: boolean,
): Promise<WatermarkReport> {
  const kept: RgbFrame[] = [];
  const thinned = async function* (): AsyncIterable<RgbFrame> {
    let nextSecond = 0;
    for await (const frame of detection.decoder.frames(path)) {
      if (frame.time >= nextSecond && kept.length < 20) {
        kept.push(frame);
        nextSecond = frame.time + 1;
      }
      yield frame;
    }
  };
  const video = await detectVideoMark(
    thinned(),
    detection.keys,
    detection.cpuBudgetMs === undefined ? {} : { cpuBudgetMs: detection.cpuBudgetMs },
  );
  const samples = await detection.decoder.audio(path);
  const audio = samples ? detectAudioMark(samples, detection.keys) : undefined;
  const reports = { video, ...(audio ? { audio } : {}) };
  const id = video.id ?? audio?.id;
  if (id === undefined) return { state: 'none', ...reports };
  const row = rows.find((candidate) => candidate.id === id);
  // A CRC that passes is no evidence: an id that no registry row names stays unresolved.
  if (!row) return { state: registryKnown ? 'none' : 'cannot_tell', id, ...reports };
  if (!video.found) return { state: 'cannot_tell', id, renderId: row.render_id, ...reports };
  const { binding, similarity } = compareThumbnails(row.thumbnails, kept, video.geometry);
  return { state: binding, id, similarity, renderId: row.render_id, ...reports };
}

/** Without keys: what the signed manifest and the registry say about each other. */
function byManifest(c2pa: C2paReport, rows: readonly MarkRow[]): WatermarkReport {
  const row = rows.find((candidate) => c2pa.softBindings.some(({ value }) => value === candidate.id));
  return row ? { state: 'not_looked', id: row.id, renderId: row.render_id } : { state: 'not_looked' };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
