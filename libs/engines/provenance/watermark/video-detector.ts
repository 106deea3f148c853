import type { RgbFrame } from '#kernel';
import { type ChipLayout, PLANE, SYNC } from './chip-layout.ts';
import { Fft } from './fft.ts';
import { areaAverage, boxMean, lumaOf } from './luma-map.ts';
import { CODE_BITS } from './mark-code.ts';

/** How a picture lies on the plane of chips: scale (1 = uncropped), aspect, rotation in radians, shift in chips, mirror. */
export interface Geometry {
  readonly scale: number;
  readonly aspect: number;
  readonly rotation: number;
  readonly dx: number;
  readonly dy: number;
  readonly mirrored: boolean;
}
export const IDENTITY: Geometry = { scale: 1, aspect: 1, rotation: 0, dx: 0, dy: 0, mirrored: false };

/** Standard deviation below which a patch counts as flat: quantisation noise, in grey levels. */
const FLOOR = 1.2;
/** Chips along the short side at scale 1; the half as many of a small picture are found at scale 0.5. */
const CHIPS = 96;
/** Side of the correlation plane: two samples a chip. */
const N = 2 * PLANE;

const fft = new Fft(N);
const syncSpectra = new WeakMap<ChipLayout, [Float64Array, Float64Array]>();

/**
 * Adds up the frames of a clip and looks for the pattern of one layout. The pattern is the same in every frame, so the picture
 * averages out and the mark does not; whitening the sum by its own smoothed spectrum is worth 3.5 to 6 dB more.
 */
export class VideoDetector {
  readonly #sum: Float32Array;
  readonly #weight: Float32Array;
  /** Size of the working map: 288 is three samples of the finest chip; never more than the picture has. */
  readonly #side: number;
  readonly width: number;
  readonly height: number;
  frames = 0;

  constructor(
    readonly sourceWidth: number,
    readonly sourceHeight: number,
    readonly layout: ChipLayout,
  ) {
    const short = Math.min(sourceWidth, sourceHeight);
    const longest = Math.floor((N * short) / Math.max(sourceWidth, sourceHeight));
    this.#side = Math.min(288, short, longest);
    this.width = Math.round((this.#side * sourceWidth) / short);
    this.height = Math.round((this.#side * sourceHeight) / short);
    this.#sum = new Float32Array(this.width * this.height);
    this.#weight = new Float32Array(this.width * this.height);
  }

  add(frame: RgbFrame): void {
    const small = areaAverage(lumaOf(frame), frame.width, frame.height, this.width, this.height);
    const perHalfChip = this.#side / (2 * CHIPS);
    const mean = boxMean(small, this.width, this.height, Math.max(1, Math.round(5 * perHalfChip)));
    const detail = small.map((value, i) => value - mean[i]!);
    const energy = boxMean(detail.map((value) => value * value), this.width, this.height, Math.max(1, Math.round(4 * perHalfChip))); // prettier-ignore
    for (let i = 0; i < detail.length; i++) {
      const variance = Math.max(0, energy[i]!) + FLOOR * FLOOR;
      const limit = 2.5 * Math.sqrt(variance);
      this.#sum[i] = this.#sum[i]! + Math.max(-limit, Math.min(limit, detail[i]!)) / variance;
      this.#weight[i] = this.#weight[i]! + 1 / variance;
    }
    this.frames++;
  }

  /** Divides the spectrum of the sum by the root of its own smoothed power and keeps what chips can carry. Call once, after the last frame. */
  whiten(): void {
    const re = new Float64Array(N * N);
    const im = new Float64Array(N * N);
    let mean = 0;
    for (const value of this.#sum) mean += value / this.#sum.length;
    for (let y = 0; y < this.height; y++)
      for (let x = 0; x < this.width; x++) re[y * N + x] = this.#sum[y * this.width + x]! - mean;
    fft.plane(re, im, false);
    const half = N / 2;
    const centred = new Float32Array(N * N);
    const shifted = (x: number, y: number): number => ((y + half) & (N - 1)) * N + ((x + half) & (N - 1));
    for (let y = 0; y < N; y++) for (let x = 0; x < N; x++) centred[shifted(x, y)] = re[y * N + x]! ** 2 + im[y * N + x]! ** 2;
    const power = boxMean(boxMean(centred, N, N, 5), N, N, 3);
    const pixelsPerChip = this.#side / CHIPS;
    for (let y = 0; y < N; y++) {
      const fy = (y >= half ? y - N : y) / N;
      for (let x = 0; x < N; x++) {
        const fx = (x >= half ? x - N : x) / N;
        const cycles = Math.max(Math.abs(fx), Math.abs(fy)) * pixelsPerChip;
        const pass = cycles < 0.55 ? 1 : cycles > 0.85 ? 0 : (0.85 - cycles) / 0.3;
        const gain = pass / Math.sqrt(Math.max(power[shifted(x, y)]!, 1e-9));
        re[y * N + x] = re[y * N + x]! * gain;
        im[y * N + x] = im[y * N + x]! * gain;
      }
    }
    fft.plane(re, im, true);
    for (let y = 0; y < this.height; y++) for (let x = 0; x < this.width; x++) this.#sum[y * this.width + x] = re[y * N + x]! / N;
  }

  /** Correlates with the synchronisation chips for each geometry, all shifts at once; best first. */
  search(list: readonly Geometry[], perGeometry = 2): { geometry: Geometry; z: number }[] {
    const [sr, si] = this.#syncSpectrum();
    const found: { geometry: Geometry; z: number }[] = [];
    const re = new Float64Array(N * N);
    const im = new Float64Array(N * N);
    // Two real maps share one complex transform.
    for (let q = 0; q < list.length; q += 2) {
      const pair = list.slice(q, q + 2);
      const energy = pair.map((geometry, i) => this.#resample(geometry, i === 0 ? re : im));
      if (pair.length < 2) im.fill(0);
      fft.plane(re, im, false);
      for (let i = 0; i < re.length; i++) {
        const a = re[i]!;
        const b = im[i]!;
        re[i] = a * sr[i]! + b * si[i]!;
        im[i] = b * sr[i]! - a * si[i]!;
      }
      fft.plane(re, im, true);
      pair.forEach((geometry, i) => {
        // Under random signs a sum over the sync density (164 of 676 chips) has this spread.
        const spread = Math.sqrt(energy[i]! * 0.2426) * N * N;
        if (spread > 0)
          for (const { at, value } of peaks(i === 0 ? re : im, 4 * spread, perGeometry))
            found.push({ geometry: { ...geometry, ...shiftOf(at) }, z: value / spread });
      });
    }
    return found.sort((a, b) => b.z - a.z);
  }

  /** Hill-climbs shift, scale, rotation and aspect on the synchronisation score. */
  refine(start: Geometry, rounds = 3): { geometry: Geometry; z: number } {
    let geometry = start;
    let z = this.syncScore(geometry);
    const step = { dx: 0.25, dy: 0.25, scale: 0.006, rotation: 0.003, aspect: 0.003 };
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0, better = true; better && turn < 6; turn++) {
        better = false;
        for (const name of ['dx', 'dy', 'scale', 'rotation', 'aspect'] as const) {
          for (const sign of [1, -1]) {
            const size = sign * step[name];
            const trial = {
              ...geometry,
              [name]: name === 'scale' || name === 'aspect' ? geometry[name] * (1 + size) : geometry[name] + size,
            };
            const score = this.syncScore(trial);
            if (score <= z + 0.02) continue;
            geometry = trial;
            z = score;
            better = true;
          }
        }
      }
      for (const name of ['dx', 'dy', 'scale', 'rotation', 'aspect'] as const) step[name] /= 2;
    }
    return { geometry, z };
  }

  /** Normal deviate of the synchronisation chips: N(0, 1) on unmarked material. */
  syncScore(geometry: Geometry): number {
    const { sync, syncEnergy } = this.#chips(geometry);
    return syncEnergy > 0 ? sync / Math.sqrt(syncEnergy) : 0;
  }

  /** Log-likelihood ratios of the code bits. */
  softBits(geometry: Geometry): Float64Array {
    const { soft, weight, sync } = this.#chips(geometry);
    let total = 0;
    let spread = 0;
    for (let k = 0; k < CODE_BITS; k++) {
      total += weight[k]!;
      spread += soft[k]! ** 2 / (weight[k]! || 1);
    }
    const perWeight = spread / CODE_BITS;
    const amplitude = Math.max(sync / (total * (164 / CODE_BITS) || 1), 0.02);
    const noise = Math.max(perWeight - (amplitude * amplitude * total) / CODE_BITS, 0.05 * perWeight) || 1;
    return soft.map((value) => (2 * amplitude * value) / noise);
  }

  /** Zero-bit test with a known codeword: 6 dB more sensitive than reading it blind; N(0, 1) without the mark. */
  informedScore(geometry: Geometry, code: Int8Array): number {
    const { soft, sync, energy } = this.#chips(geometry);
    let sum = sync;
    for (let k = 0; k < CODE_BITS; k++) sum += code[k]! * soft[k]!;
    return energy > 0 ? sum / Math.sqrt(energy) : 0;
  }

  #chips(g: Geometry): { sync: number; syncEnergy: number; energy: number; soft: Float64Array; weight: Float64Array } {
    const pixels = this.#side / CHIPS / g.scale;
    const kx = pixels * g.aspect;
    const ky = pixels / g.aspect;
    const samples = pixels > 2.6 ? [-1 / 3, 0, 1 / 3] : [-0.25, 0.25];
    const reachX = Math.ceil((this.width / kx / 2) * 1.2) + 1;
    const reachY = Math.ceil((this.height / ky / 2) * 1.2) + 1;
    const soft = new Float64Array(CODE_BITS);
    const weight = new Float64Array(CODE_BITS);
    let sync = 0;
    let syncEnergy = 0;
    let energy = 0;
    const half = PLANE / 2;
    for (let y = Math.max(0, Math.floor(half - g.dy - reachY)); y <= Math.min(PLANE - 1, Math.ceil(half - g.dy + reachY)); y++) {
      for (
        let x = Math.max(0, Math.floor(half - g.dx - reachX));
        x <= Math.min(PLANE - 1, Math.ceil(half - g.dx + reachX));
        x++
      ) {
        let value = 0;
        let variance = 0;
        let seen = 0;
        for (const oy of samples) {
          for (const ox of samples) {
            const at = this.#locate(g, kx, ky, x + 0.5 - half + g.dx + ox, y + 0.5 - half + g.dy + oy);
            if (!at) continue;
            value += at.value;
            variance += at.weight;
            seen++;
          }
        }
        if (seen === 0) continue;
        const q = y * PLANE + x;
        value = (value * this.layout.sign[q]!) / (samples.length * samples.length);
        energy += value * value;
        const bit = this.layout.bit[q]!;
        if (bit === SYNC) {
          sync += value;
          syncEnergy += value * value;
        } else {
          soft[bit] = soft[bit]! + value;
          weight[bit] = weight[bit]! + variance / (samples.length * samples.length);
        }
      }
    }
    return { sync, syncEnergy, energy, soft, weight };
  }

  /** The whitened sum at chip coordinates relative to the picture's centre. */
  #locate(g: Geometry, kx: number, ky: number, u: number, v: number): { value: number; weight: number } | undefined {
    const cos = Math.cos(g.rotation);
    const sin = Math.sin(g.rotation);
    const px = u * kx * (g.mirrored ? -1 : 1);
    const py = v * ky;
    const x = (this.width - 1) / 2 + cos * px - sin * py;
    const y = (this.height - 1) / 2 + sin * px + cos * py;
    if (x < 0 || y < 0 || x >= this.width - 1 || y >= this.height - 1) return undefined;
    const x0 = Math.floor(x);
    const y0 = Math.floor(y);
    const fx = x - x0;
    const fy = y - y0;
    const o = y0 * this.width + x0;
    const sum = this.#sum;
    const value =
      (sum[o]! * (1 - fx) + sum[o + 1]! * fx) * (1 - fy) + (sum[o + this.width]! * (1 - fx) + sum[o + this.width + 1]! * fx) * fy;
    return { value, weight: this.#weight[o]! };
  }

  /** The map at two samples a chip on the correlation plane. Returns its energy. */
  #resample(g: Geometry, out: Float64Array): number {
    const k = this.#side / CHIPS / g.scale / 2;
    const kx = k * g.aspect;
    const ky = k / g.aspect;
    const half = N / 2;
    const reachX = Math.min(half - 1, Math.ceil((this.width / kx / 2) * 1.2));
    const reachY = Math.min(half - 1, Math.ceil((this.height / ky / 2) * 1.2));
    out.fill(0);
    let energy = 0;
    for (let j = -reachY; j < reachY; j++) {
      for (let i = -reachX; i < reachX; i++) {
        const value = this.#locate(g, kx, ky, i + 0.5, j + 0.5)?.value ?? 0;
        energy += value * value;
        out[(j + half) * N + i + half] = value;
      }
    }
    return energy;
  }

  #syncSpectrum(): [Float64Array, Float64Array] {
    const known = syncSpectra.get(this.layout);
    if (known) return known;
    const re = new Float64Array(N * N);
    const im = new Float64Array(N * N);
    for (let y = 0; y < N; y++) {
      for (let x = 0; x < N; x++) {
        const q = (y >> 1) * PLANE + (x >> 1);
        if (this.layout.bit[q] === SYNC) re[y * N + x] = this.layout.sign[q]!;
      }
    }
    fft.plane(re, im, false);
    syncSpectra.set(this.layout, [re, im]);
    return [re, im];
  }
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
function shiftOf(at: number): { dx: number; dy: number } {
  const signed = (v: number): number => (v >= N / 2 ? v - N : v) / 2;
  return { dx: signed(at % N), dy: signed(Math.floor(at / N)) };
}
