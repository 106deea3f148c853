import { DomainError, type RgbFrame } from '#kernel';
import type { MarkRow } from './mark-registry.ts';
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

/** Needs the deployment's keys: only the operator's own endpoint can look into the pixels. */
export interface Detection {
  readonly keys: readonly MarkKey[];
  readonly decoder: MediaDecoder;
  readonly cpuBudgetMs?: number;
}

export interface WatermarkReport {
  /**
   * `match`: our mark on its own pictures. `derived`: partly. `transplant_suspected`: our mark on other pictures or beside another
   * mark's sound. `none`: looked and found nothing, which says nothing. `cannot_tell`: found but not resolved, or could not look.
   * `not_looked`: no keys were given.
   */
  readonly state: Binding | 'none' | 'not_looked';
  readonly id?: string;
  readonly video?: VideoMarkReport;
  readonly audio?: AudioMarkReport;
  /** Mean correlation with the registered thumbnails. */
  readonly similarity?: number;
  readonly renderId?: string;
  /** Why nothing can be told: slugs and sentences. */
  readonly reasons: readonly string[];
}

/** Pictures held against the registered thumbnails, one a second. */
const MOST_COMPARED = 20;

/** Searches pictures and sound for our mark and holds what it finds against the registry. A file that cannot be decoded is a finding. */
export async function searchWatermark(path: string, detection: Detection, rows: readonly MarkRow[]): Promise<WatermarkReport> {
  const reasons: string[] = [];
  const kept: RgbFrame[] = [];
  const budget = detection.cpuBudgetMs === undefined ? {} : { cpuBudgetMs: detection.cpuBudgetMs };
  const video = await orReason(reasons, () =>
    detectVideoMark(keeping(detection.decoder.frames(path), kept), detection.keys, budget),
  );
  const audio = await orReason(reasons, async () => {
    const samples = await detection.decoder.audio(path);
    return samples ? detectAudioMark(samples, detection.keys) : undefined;
  });
  const reports = { ...(video ? { video } : {}), ...(audio ? { audio } : {}), reasons };
  const id = video?.id ?? audio?.id;
  // "None" is said only of a file that was really looked at.
  if (id === undefined) return { state: reasons.length > 0 ? 'cannot_tell' : 'none', ...reports };
  if (audio?.id !== undefined && audio.id !== id)
    return { state: 'transplant_suspected', id, ...reports, reasons: [...reasons, 'pictures and sound carry different marks'] };
  const row = rows.find((candidate) => candidate.id === id);
  // A check sum that fits is no evidence: an id that no signed row names stays unresolved.
  if (!row) return { state: 'cannot_tell', id, ...reports, reasons: [...reasons, 'no signed registry row names this mark'] };
  const found = { id, renderId: row.render_id, ...reports };
  if (!video?.found) return { state: 'cannot_tell', ...found, reasons: [...reasons, 'only the sound carries a mark'] };
  const { binding, similarity } = compareThumbnails(row.thumbnails, kept, video.geometry);
  return { state: binding, similarity, ...found };
}

async function* keeping(frames: AsyncIterable<RgbFrame>, kept: RgbFrame[]): AsyncIterable<RgbFrame> {
  let next = 0;
  for await (const frame of frames) {
    if (frame.time >= next && kept.length < MOST_COMPARED) {
      kept.push(frame);
      next = frame.time + 1;
    }
    yield frame;
  }
}

/** Every throw while looking is a finding in the report, ours included (DESIGN rule 19). */
async function orReason<T>(reasons: string[], look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    reasons.push(error instanceof DomainError ? error.problem.slug : `could not look: ${String(error)}`);
    return undefined;
  }
}
