import { type ChipLayout, PLANE, SYNC } from './chip-layout.ts';
import { Fft } from './fft.ts';
import { type Geometry, affineOf } from './geometry.ts';
import type { SumMap } from './sum-map.ts';

/** Samples a chip on the correlation plane. */
const PER_CHIP = 2;
/** Share of synchronisation chips: 164 of a superblock's 676. */
const DENSITY = 164 / 676;

export interface Hit {
  readonly geometry: Geometry;
  readonly z: number;
}

/** Correlates a whitened map with the synchronisation chips: all shifts of one geometry at once, two geometries a transform. */
export class SyncSearch {
  readonly #planes = new Map<number, { fft: Fft; re: Float64Array; im: Float64Array }>();

  constructor(private readonly layout: ChipLayout) {}

  /** Shifts that one geometry looks at. */
  shifts(map: SumMap, geometry: Geometry): number {
    return planeSide(map, geometry) ** 2;
  }

  /** Best first. Below z 4 nothing is kept: any plane of noise has that. */
  find(map: SumMap, list: readonly Geometry[], perGeometry = 2): Hit[] {
    const found: Hit[] = [];
    for (const side of new Set(list.map((geometry) => planeSide(map, geometry)))) {
      const alike = list.filter((geometry) => planeSide(map, geometry) === side);
      for (let q = 0; q < alike.length; q += 2) found.push(...this.#correlate(map, alike.slice(q, q + 2), side, perGeometry));
    }
    return found.sort((a, b) => b.z - a.z);
  }

  #correlate(map: SumMap, pair: readonly Geometry[], side: number, perGeometry: number): Hit[] {
    const { fft, re: sr, im: si } = this.#spectrum(side);
    const re = new Float64Array(side * side);
    const im = new Float64Array(side * side);
    const energy = pair.map((geometry, i) => resample(map, geometry, i === 0 ? re : im, side));
    fft.plane(re, im, false);
    for (let i = 0; i < re.length; i++) {
      const a = re[i]!;
      const b = im[i]!;
      re[i] = a * sr[i]! + b * si[i]!;
      im[i] = b * sr[i]! - a * si[i]!;
    }
    fft.plane(re, im, true);
    return pair.flatMap((geometry, i) => {
      // Under random signs the correlation of unmarked material has this spread.
      const spread = Math.sqrt(energy[i]! * DENSITY) * side * side;
      if (!(spread > 0)) return [];
      return peaks(i === 0 ? re : im, 4 * spread, perGeometry).map(({ at, value }) => ({
        geometry: { ...geometry, ...shiftOf(at, side) },
        z: value / spread,
      }));
    });
  }

  /** Spectrum of the middle of the plane of synchronisation chips. */
  #spectrum(side: number): { fft: Fft; re: Float64Array; im: Float64Array } {
    const known = this.#planes.get(side);
    if (known) return known;
    const fft = new Fft(side);
    const re = new Float64Array(side * side);
    const im = new Float64Array(side * side);
    const first = (PLANE * PER_CHIP - side) / 2;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const chip = Math.floor((y + first) / PER_CHIP) * PLANE + Math.floor((x + first) / PER_CHIP);
        if (this.layout.bit[chip] === SYNC) re[y * side + x] = this.layout.sign[chip]!;
      }
    }
    fft.plane(re, im, false);
    const plane = { fft, re, im };
    this.#planes.set(side, plane);
    return plane;
  }
}

/**
 * A picture that shows few chips needs only the middle of the plane: a quarter of the work. The correlation wraps, so what is seen and
 * how far a crop can have moved it must fit together.
 */
function planeSide(map: SumMap, g: Geometry): number {
  const longest = Math.max(map.width, map.height) / map.side;
  const seen = g.chips * g.scale * longest;
  const moved = Math.max(0, g.chips * longest - seen);
  return seen + moved <= PLANE / 2 - 4 ? PLANE : PLANE * PER_CHIP;
}

/** The map at `PER_CHIP` samples a chip. Returns its energy. */
function resample(map: SumMap, g: Geometry, out: Float64Array, side: number): number {
  const { a, b, c, d, kx, ky } = affineOf(g, map.side);
  const { width, height, sum } = map;
  const half = side / 2;
  const reachX = Math.min(half - 1, Math.ceil((PER_CHIP * width * 1.2) / kx / 2));
  const reachY = Math.min(half - 1, Math.ceil((PER_CHIP * height * 1.2) / ky / 2));
  let energy = 0;
  for (let j = -reachY; j < reachY; j++) {
    const v = (j + 0.5) / PER_CHIP;
    for (let i = -reachX; i < reachX; i++) {
      const u = (i + 0.5) / PER_CHIP;
      const x = (width - 1) / 2 + a * u + b * v;
      const y = (height - 1) / 2 + c * u + d * v;
      if (x < 0 || y < 0 || x >= width - 1 || y >= height - 1) continue;
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      const at = y0 * width + x0;
      const top = sum[at]! + (sum[at + 1]! - sum[at]!) * (x - x0);
      const bottom = sum[at + width]! + (sum[at + width + 1]! - sum[at + width]!) * (x - x0);
      const value = top + (bottom - top) * (y - y0);
      energy += value * value;
      out[(j + half) * side + i + half] = value;
    }
  }
  return energy;
}

function peaks(plane: Float64Array, above: number, count: number): { at: number; value: number }[] {
  const best: { at: number; value: number }[] = [];
  for (let at = 0; at < plane.length; at++) {
    const value = plane[at]!;
    if (value < above || (best.length === count && value <= best[count - 1]!.value)) continue;
    best.push({ at, value });
    best.sort((a, b) => b.value - a.value);
    best.length = Math.min(best.length, count);
  }
  return best;
}

/** Position in the correlation plane → shift in chips. */
function shiftOf(at: number, side: number): { dx: number; dy: number } {
  const signed = (v: number): number => (v >= side / 2 ? v - side : v) / PER_CHIP;
  return { dx: signed(at % side), dy: signed(Math.floor(at / side)) };
}
