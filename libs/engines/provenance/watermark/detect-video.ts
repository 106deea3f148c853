import type { RgbFrame } from '#kernel';
import { CHIPS, ChipLayout, chipsPerSide } from './chip-layout.ts';
import { ChipReader } from './chip-reader.ts';
import { type Geometry, identity } from './geometry.ts';
import { STAGES, type Stage, type StageName } from './geometry-search.ts';
import { decodeId } from './mark-code.ts';
import { log10Chance } from './statistics.ts';
import { SumMap, workingLuma } from './sum-map.ts';
import { SyncSearch } from './sync-search.ts';

/** A deployment's watermark key of one epoch. */
export interface MarkKey {
  readonly kid: string;
  readonly key: Uint8Array;
}

export interface VideoMarkReport {
  /** The synchronisation chips are there and the code word's check sum holds. */
  readonly found: boolean;
  readonly id?: string;
  readonly kid?: string;
  /** log10 of the chance that unmarked material scores like this, corrected for everything that was tried: −12 is one in 10^12. */
  readonly log10p: number;
  /** With a small `log10p` and no check sum there is a mark of ours, too worn to be read. */
  readonly crcPassed: boolean;
  readonly geometry: Geometry;
  readonly framesUsed: number;
  readonly stage: StageName | 'none';
}

export interface DetectOptions {
  /** CPU time for the geometry search in milliseconds; the two identity tests are always made. Default 20 s. */
  readonly cpuBudgetMs?: number;
  /** Frames to add up, from the first. Default 250. */
  readonly maxFrames?: number;
}

/**
 * A decode counts only when unmarked material scores like its synchronisation chips in less than one search of a thousand. With the
 * list decoder's 16 candidates and a CRC of 16 bits a wrong id comes out of about 2 in 10^7 searches with one key.
 */
const MOST_LOG10P = -3;

/**
 * Looks for our mark in pictures: as they are, mirrored, scaled and cropped, rotated, stretched; stops at the first id it can read.
 * Finding nothing says nothing about where the pictures come from.
 * @throws RangeError when the frames have different sizes.
 */
export async function detectVideoMark(
  frames: AsyncIterable<RgbFrame> | Iterable<RgbFrame>,
  keys: readonly MarkKey[],
  options: DetectOptions = {},
): Promise<VideoMarkReport> {
  const { maps, used } = await addUp(frames, options.maxFrames ?? 250);
  const readers = keys.map(({ kid, key }) => {
    const layout = new ChipLayout(key);
    return { kid, search: new SyncSearch(layout), readers: maps.map((map) => ({ map, reader: new ChipReader(map, layout) })) };
  });
  return new Search(readers, used, options.cpuBudgetMs ?? 20_000).run();
}

/**
 * Whether pictures carry a mark of one of these keys, as they are or mirrored. Ask before marking: a second id under the same key
 * overwrites the first, and the first render could no longer be traced.
 */
export async function carriesMark(
  frames: AsyncIterable<RgbFrame> | Iterable<RgbFrame>,
  keys: readonly MarkKey[],
  options: Pick<DetectOptions, 'maxFrames'> = {},
): Promise<boolean> {
  const report = await detectVideoMark(frames, keys, { maxFrames: 50, ...options, cpuBudgetMs: 0 });
  return report.found || report.log10p < -6;
}

/** One sum per size of chip; the one that fits the picture's own size first. They do not depend on the key. */
async function addUp(
  frames: AsyncIterable<RgbFrame> | Iterable<RgbFrame>,
  most: number,
): Promise<{ maps: SumMap[]; used: number }> {
  let maps: SumMap[] = [];
  let size = '';
  let used = 0;
  for await (const frame of frames) {
    const { luma, width, height } = workingLuma(frame);
    if (used === 0) {
      const likely = chipsPerSide(frame.width, frame.height);
      const order = [...CHIPS].sort((a, b) => Math.abs(a - likely) - Math.abs(b - likely));
      maps = order.map((chips) => new SumMap(width, height, chips));
      size = `${frame.width} × ${frame.height}`;
    }
    if (size !== `${frame.width} × ${frame.height}`)
      throw new RangeError('the frames of one clip must have one size: scale them first');
    for (const map of maps) map.add(luma);
    if (++used >= most) break;
  }
  return { maps, used };
}

interface Reader {
  readonly map: SumMap;
  readonly reader: ChipReader;
}
interface KeyReaders {
  readonly kid: string;
  readonly search: SyncSearch;
  readonly readers: readonly Reader[];
}

class Search {
  #tried = 0;
  #best: VideoMarkReport;
  readonly #started = process.cpuUsage();

  constructor(
    private readonly keys: readonly KeyReaders[],
    framesUsed: number,
    private readonly budgetMs: number,
  ) {
    const geometry = identity(keys[0]?.readers[0]?.map.chips ?? CHIPS[0]);
    this.#best = { found: false, log10p: 0, crcPassed: false, geometry, framesUsed, stage: 'none' };
  }

  run(): VideoMarkReport {
    for (const stage of STAGES) {
      for (const key of this.keys) {
        for (const reader of key.readers) {
          if (stage.correlate && this.#spent()) return this.#best;
          if (this.#look(stage, key, reader)) return this.#best;
        }
      }
    }
    return this.#best;
  }

  #look(stage: Stage, key: KeyReaders, { map, reader }: Reader): boolean {
    map.whiten();
    const list = stage.geometries(map.chips);
    if (!stage.correlate) return list.some((geometry) => this.#attempt(stage.name, key.kid, reader, geometry));
    for (const geometry of list) this.#tried += key.search.shifts(map, geometry);
    const hits = key.search.find(map, list).filter(({ z }) => z > 4.8);
    return hits.slice(0, 6).some(({ geometry }) => this.#attempt(stage.name, key.kid, reader, geometry));
  }

  #attempt(stage: StageName, kid: string, reader: ChipReader, start: Geometry): boolean {
    const { geometry, z } = reader.refine(start);
    this.#tried += 200; // steps of the hill climb
    const log10p = log10Chance(z, this.#tried);
    const id = log10p < MOST_LOG10P ? decodeId(reader.softBits(geometry)) : undefined;
    if (id === undefined) {
      if (log10p < this.#best.log10p) this.#best = { ...this.#best, log10p, geometry };
      return false;
    }
    this.#best = { ...this.#best, found: true, id, kid, log10p, crcPassed: true, geometry, stage };
    return true;
  }

  #spent(): boolean {
    const { user, system } = process.cpuUsage(this.#started);
    return (user + system) / 1000 >= this.budgetMs;
  }
}
