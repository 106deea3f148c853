import type { RgbFrame } from '#kernel';
import { Fft } from './fft.ts';
import { areaAverage, boxMean, lumaOf } from './luma-map.ts';

/** Standard deviation below which a patch counts as flat: quantisation noise, in grey levels. */
const FLOOR = 1.2;
/** Three samples of the finest chip; a larger working map reads no better. */
const LARGEST_SIDE = 288;
/** Side of the transform; the long side of the working map must fit. */
const N = 512;
const fft = new Fft(N);

/** Luma at the working size: the short side of a picture cut to 288, never enlarged. */
export function workingLuma(frame: RgbFrame): { luma: Float32Array; width: number; height: number } {
  const short = Math.min(frame.width, frame.height);
  const side = Math.min(LARGEST_SIDE, short, Math.floor((N * short) / Math.max(frame.width, frame.height)));
  const width = Math.round((side * frame.width) / short);
  const height = Math.round((side * frame.height) / short);
  return { luma: areaAverage(lumaOf(frame), frame.width, frame.height, width, height), width, height };
}

/**
 * Adds up the frames of a clip. The mark is the same in every frame, so the picture averages out and the mark does not; whitening the
 * sum by its own smoothed spectrum is worth 3.5 to 6 dB more. The filters are cut to one size of chip.
 */
export class SumMap {
  readonly sum: Float32Array;
  readonly weight: Float32Array;
  #white = false;

  constructor(
    readonly width: number,
    readonly height: number,
    /** Chips along the short side that the filters expect. */
    readonly chips: number,
  ) {
    this.sum = new Float32Array(width * height);
    this.weight = new Float32Array(width * height);
  }

  /** Short side in samples. */
  get side(): number {
    return Math.min(this.width, this.height);
  }

  /** Adds one frame's luma, already at the working size. */
  add(luma: Float32Array): void {
    const perHalfChip = this.side / (2 * this.chips);
    const radius = (halfChips: number): number => Math.max(1, Math.round(halfChips * perHalfChip));
    const mean = boxMean(luma, this.width, this.height, radius(5));
    const detail = new Float32Array(luma.length);
    const squared = new Float32Array(luma.length);
    for (let i = 0; i < luma.length; i++) {
      const value = luma[i]! - mean[i]!;
      detail[i] = value;
      squared[i] = value * value;
    }
    const energy = boxMean(squared, this.width, this.height, radius(4));
    for (let i = 0; i < detail.length; i++) {
      const variance = Math.max(0, energy[i]!) + FLOOR * FLOOR;
      const limit = 2.5 * Math.sqrt(variance);
      this.sum[i] = this.sum[i]! + Math.max(-limit, Math.min(limit, detail[i]!)) / variance;
      this.weight[i] = this.weight[i]! + 1 / variance;
    }
  }

  /** Divides the spectrum of the sum by the root of its own smoothed power and keeps what chips can carry. After the last frame. */
  whiten(): void {
    if (this.#white) return;
    this.#white = true;
    const re = new Float64Array(N * N);
    const im = new Float64Array(N * N);
    let mean = 0;
    for (const value of this.sum) mean += value / this.sum.length;
    for (let y = 0; y < this.height; y++)
      for (let x = 0; x < this.width; x++) re[y * N + x] = this.sum[y * this.width + x]! - mean;
    fft.plane(re, im, false);
    const power = smoothedPower(re, im);
    const pixelsPerChip = this.side / this.chips;
    for (let y = 0; y < N; y++) {
      const fy = Math.min(y, N - y) / N;
      for (let x = 0; x < N; x++) {
        const i = y * N + x;
        const cycles = Math.max(Math.min(x, N - x) / N, fy) * pixelsPerChip;
        const pass = cycles < 0.55 ? 1 : cycles > 0.85 ? 0 : (0.85 - cycles) / 0.3;
        const gain = pass / Math.sqrt(Math.max(power[centred(x, y)]!, 1e-9));
        re[i] = re[i]! * gain;
        im[i] = im[i]! * gain;
      }
    }
    fft.plane(re, im, true);
    for (let y = 0; y < this.height; y++) for (let x = 0; x < this.width; x++) this.sum[y * this.width + x] = re[y * N + x]! / N;
  }
}

/** Index with frequency zero in the middle, so that a box does not have to wrap. */
const centred = (x: number, y: number): number => ((y + N / 2) & (N - 1)) * N + ((x + N / 2) & (N - 1));

function smoothedPower(re: Float64Array, im: Float64Array): Float32Array {
  const power = new Float32Array(N * N);
  for (let y = 0; y < N; y++) for (let x = 0; x < N; x++) power[centred(x, y)] = re[y * N + x]! ** 2 + im[y * N + x]! ** 2;
  return boxMean(boxMean(power, N, N, 5), N, N, 3);
}
