import type { RgbFrame } from '#kernel';
import { chipsPerSide } from './chip-layout.ts';
import { areaAverage, lumaOf } from './luma-map.ts';
import { type Geometry, affineOf } from './geometry.ts';

/** Cells along the short side of an uncropped picture. */
const CELLS = 32;
/** Pictures of the stored track per second. */
export const THUMBNAILS_PER_SECOND = 1;

/** What a published clip looks like, small: with it an id that was copied onto another clip is noticed. */
export interface ThumbnailTrack {
  readonly columns: number;
  readonly rows: number;
  /** Chips per short side that the clip was marked with. */
  readonly chips: number;
  /** One base64 picture of `columns × rows` grey bytes per second. */
  readonly pictures: readonly string[];
}

export function thumbnailOf(frame: RgbFrame): { columns: number; rows: number; grey: Float32Array } {
  const short = Math.min(frame.width, frame.height);
  const columns = Math.round((CELLS * frame.width) / short);
  const rows = Math.round((CELLS * frame.height) / short);
  return { columns, rows, grey: areaAverage(lumaOf(frame), frame.width, frame.height, columns, rows) };
}

export function thumbnailTrack(frames: readonly RgbFrame[]): ThumbnailTrack {
  const pictures = frames.map(thumbnailOf);
  const [first] = pictures;
  if (!first) throw new RangeError('a thumbnail track needs a picture');
  return {
    columns: first.columns,
    rows: first.rows,
    chips: chipsPerSide(frames[0]!.width, frames[0]!.height),
    pictures: pictures.map(({ grey }) => Buffer.from(Uint8Array.from(grey, Math.round)).toString('base64')),
  };
}

export type Binding = 'match' | 'derived' | 'transplant_suspected' | 'cannot_tell';
/** Same picture after CRF 28, half size, a crop to 0.7 or a mirror: 0.97 and more. Another person before another wall: 0.41 at most. */
const MATCH = 0.9;
const DERIVED = 0.55;
/** Fewer cells of the registered picture say nothing. */
const LEAST_CELLS = 40;
/** Of the cells, in squared grey levels: less is noise and the mark itself. */
const LEAST_VARIANCE = 1;

/**
 * Holds found pictures against the registered ones, with the geometry that the mark itself gives. A mark without its picture was
 * copied from somewhere else.
 */
export function compareThumbnails(
  track: ThumbnailTrack,
  frames: readonly RgbFrame[],
  geometry: Geometry,
): { binding: Binding; similarity: number } {
  if (frames.length === 0) return { binding: 'cannot_tell', similarity: 0 };
  const cells = track.columns * track.rows;
  const stored = track.pictures.map((picture) => Buffer.from(picture, 'base64')).filter(({ length }) => length === cells);
  // The frames of one clip show the same cells, so the registered ones are prepared once: 0.13 s for 300 against 20.
  let shown = '';
  let registered: number[][] = [];
  const scores: number[] = [];
  for (const frame of frames) {
    const found = seenCells(track, frame, geometry);
    const visible = Array.from(found, (value) => (Number.isNaN(value) ? '0' : '1')).join('');
    if (visible.split('1').length - 1 < LEAST_CELLS) continue;
    if (visible !== shown) {
      shown = visible;
      registered = stored.map((grey) => lessSurroundings(Float64Array.from(found, (value, i) => (Number.isNaN(value) ? value : grey[i]!)), track)); // prettier-ignore
    }
    const picture = lessSurroundings(found, track);
    // Per found picture the best stored one: the clip may have been trimmed.
    const against = registered.map((one) => pearson(one, picture)).filter((score) => score !== undefined);
    if (against.length > 0) scores.push(Math.max(...against));
  }
  if (scores.length === 0) return { binding: 'cannot_tell', similarity: 0 };
  const similarity = scores.reduce((a, b) => a + b, 0) / scores.length;
  if (Math.min(...scores) >= MATCH) return { binding: 'match', similarity };
  return { binding: similarity >= DERIVED ? 'derived' : 'transplant_suspected', similarity };
}

/** The cells of the stored pictures as the found one shows them; NaN for those outside of it. */
function seenCells(track: ThumbnailTrack, frame: RgbFrame, geometry: Geometry): Float64Array {
  // A clip marked with 96 chips and cut to half looks like one with 48: the registry knows how many it were.
  const seen = (geometry.chips * geometry.scale) / track.chips;
  const short = Math.min(frame.width, frame.height);
  const { a: ux, b: vx, c: uy, d: vy } = affineOf(geometry, short);
  const chipsPerCell = track.chips / CELLS;
  const cell = short / CELLS / seen;
  const found = new Float64Array(track.columns * track.rows).fill(Number.NaN);
  for (let row = 0; row < track.rows; row++) {
    for (let column = 0; column < track.columns; column++) {
      const u = (column + 0.5 - track.columns / 2) * chipsPerCell + geometry.dx;
      const v = (row + 0.5 - track.rows / 2) * chipsPerCell + geometry.dy;
      const x = frame.width / 2 + ux * u + vx * v;
      const y = frame.height / 2 + uy * u + vy * v;
      found[row * track.columns + column] = cellMean(frame, x, y, cell) ?? Number.NaN;
    }
  }
  return found;
}

/**
 * Cells less the mean of the cells around them, as far as they are seen. Every head before a wall has the same large shape: without this
 * two people correlate up to 0.54, with it up to 0.41, and the same picture after CRF 34 still 0.994.
 */
function lessSurroundings(cells: Float64Array, { columns, rows }: ThumbnailTrack): number[] {
  const list: number[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (Number.isNaN(cells[y * columns + x]!)) continue;
      let sum = 0;
      let count = 0;
      for (let v = Math.max(0, y - 3); v <= Math.min(rows - 1, y + 3); v++) {
        for (let u = Math.max(0, x - 3); u <= Math.min(columns - 1, x + 3); u++) {
          const value = cells[v * columns + u]!;
          if (Number.isNaN(value)) continue;
          sum += value;
          count++;
        }
      }
      list.push(cells[y * columns + x]! - sum / count);
    }
  }
  return list;
}

/** Mean luma of a cell around (x, y), from a 3 × 3 sample; undefined when it leaves the picture. */
function cellMean(frame: RgbFrame, x: number, y: number, size: number): number | undefined {
  let sum = 0;
  for (const oy of [-1 / 3, 0, 1 / 3]) {
    for (const ox of [-1 / 3, 0, 1 / 3]) {
      const px = Math.floor(x + ox * size);
      const py = Math.floor(y + oy * size);
      if (px < 0 || py < 0 || px >= frame.width || py >= frame.height) return undefined;
      const p = 3 * (py * frame.width + px);
      sum += 0.2126 * frame.data[p]! + 0.7152 * frame.data[p + 1]! + 0.0722 * frame.data[p + 2]!;
    }
  }
  return sum / 9;
}

/** Undefined when one of them is flat: a bare wall looks like every other bare wall. */
function pearson(a: readonly number[], b: readonly number[]): number | undefined {
  const mean = (list: readonly number[]): number => list.reduce((x, y) => x + y, 0) / list.length;
  const ma = mean(a);
  const mb = mean(b);
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return Math.min(aa, bb) / a.length < LEAST_VARIANCE ? undefined : ab / Math.sqrt(aa * bb);
}
