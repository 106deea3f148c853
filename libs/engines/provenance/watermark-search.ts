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
  /** Pictures from which the mark is read. Default 250. */
  readonly maxFrames?: number;
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

/** Pictures held against the registered thumbnails, spread over the whole clip. */
const MOST_COMPARED = 20;

/** Searches pictures and sound for our mark and holds what it finds against the registry. A file that cannot be decoded is a finding. */
export async function searchWatermark(path: string, detection: Detection, rows: readonly MarkRow[]): Promise<WatermarkReport> {
  const reasons: string[] = [];
  const samples = new ClipSamples();
  const { keys, decoder, ...limits } = detection;
  let watched: WatchedFrames | undefined;
  const video = await orReason(reasons, () => {
    watched = new WatchedFrames(decoder.frames(path), samples);
    return detectVideoMark(watched, keys, limits);
  });
  // The mark is read from the first seconds; a clip may go on with other pictures, so the rest is held against the registry too.
  const whole = video?.found ? (await orReason(reasons, () => watched!.rest())) !== undefined : true;
  await orReason(reasons, async () => watched?.close());
  const audio = await orReason(reasons, async () => {
    const sound = await decoder.audio(path);
    return sound ? detectAudioMark(sound, keys) : undefined;
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
  const { binding, similarity } = compareThumbnails(row.thumbnails, samples.kept, video.geometry);
  return { state: binding === 'match' && !whole ? 'derived' : binding, similarity, ...found };
}

/** Pictures evenly spread over a clip of unknown length: when there are too many, every second goes and the gap doubles. */
class ClipSamples {
  kept: RgbFrame[] = [];
  #gap = 1;
  #next = 0;

  see(frame: RgbFrame): void {
    if (!(frame.time >= this.#next)) return;
    this.kept.push(frame);
    if (this.kept.length > MOST_COMPARED) {
      this.kept = this.kept.filter((_, i) => i % 2 === 0);
      this.#gap *= 2;
    }
    this.#next = this.kept.at(-1)!.time + this.#gap;
  }
}

/** Shows each picture to the samples on its way, and stays open when the detector has seen enough. */
class WatchedFrames implements AsyncIterable<RgbFrame> {
  readonly #frames: AsyncIterator<RgbFrame>;
  constructor(
    frames: AsyncIterable<RgbFrame>,
    private readonly samples: ClipSamples,
  ) {
    this.#frames = frames[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): AsyncIterator<RgbFrame> {
    return { next: () => this.#next() }; // no `return`: leaving the loop closes nothing
  }

  /** Lets the remaining pictures pass. */
  async rest(): Promise<true> {
    while (!(await this.#next()).done);
    return true;
  }

  async close(): Promise<void> {
    await this.#frames.return?.();
  }

  async #next(): Promise<IteratorResult<RgbFrame>> {
    const step = await this.#frames.next();
    if (!step.done) this.samples.see(step.value);
    return step;
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
