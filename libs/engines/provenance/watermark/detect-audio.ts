import { AUDIO, AudioLayout } from './audio-layout.ts';
import type { MarkKey } from './detect-video.ts';
import { Fft } from './fft.ts';
import { CODE_BITS, decodeId } from './mark-code.ts';
import { boxMean } from './luma-map.ts';
import { log10Chance } from './statistics.ts';

export interface AudioMarkReport {
  readonly found: boolean;
  readonly id?: string;
  readonly kid?: string;
  /** log10 of the chance that unmarked sound scores like this, corrected for the offsets tried. */
  readonly log10p: number;
  /** Of sound that was looked at. */
  readonly seconds: number;
}

interface Candidate {
  readonly z: number;
  readonly offset: number;
  readonly phase: number;
  readonly folded: FoldedMap;
}
const MOST_LOG10P = -3;
/** A minute says what can be said; a five-minute clip would keep a processor busy for a minute. */
const LONGEST_SECONDS = 60;
/** Frame boundaries are searched to 8 samples. */
const COARSE = 8;
const FINEST = 8;

/** Looks for our mark in the first minute of mono sound at 48 kHz. Speed changes are not searched yet. */
export function detectAudioMark(sound: Float32Array, keys: readonly MarkKey[]): AudioMarkReport {
  const samples = sound.subarray(0, LONGEST_SECONDS * AUDIO.sampleRate);
  const seconds = samples.length / AUDIO.sampleRate;
  let best: AudioMarkReport = { found: false, log10p: 0, seconds };
  if (samples.length < 2 * AUDIO.frame || samples.every((sample) => sample === 0)) return best;
  for (const { kid, key } of keys) {
    const layout = new AudioLayout(key);
    const { candidates, tried } = align(samples, layout);
    for (const candidate of candidates.slice(0, 5)) {
      const log10p = log10Chance(candidate.z, tried);
      if (log10p < best.log10p) best = { found: false, log10p, seconds };
      if (log10p > MOST_LOG10P) break;
      const id = decodeId(softBits(candidate, layout));
      if (id !== undefined) return { found: true, id, kid, log10p, seconds };
    }
  }
  return best;
}

/** Tries frame offsets and block phases; finer around the best. */
function align(samples: Float32Array, layout: AudioLayout): { candidates: Candidate[]; tried: number } {
  const found: Candidate[] = [];
  const sync = syncChips(layout);
  let tried = 0;
  const at = (offset: number): void => {
    const folded = fold(whitenedMap(samples, offset));
    for (let phase = 0; phase < AUDIO.block; phase++, tried++) {
      const z = syncScore(folded, sync, phase);
      if (z > 3.2) found.push({ z, offset, phase, folded });
    }
  };
  for (let p = 0; p < COARSE; p++) at((p * AUDIO.frame) / COARSE);
  for (let step = AUDIO.frame / COARSE / 2; step >= FINEST; step /= 2) {
    const best = found.reduce((a, b) => (b.z > a.z ? b : a), found[0] ?? { z: 0, offset: 0 });
    for (const side of [-step, step]) at((best.offset + side + AUDIO.frame) % AUDIO.frame);
  }
  return { candidates: found.sort((a, b) => b.z - a.z), tried };
}

/** A map laid over itself block by block: the layout repeats, so each phase costs the same however long the sound is. */
interface FoldedMap {
  readonly sum: Float64Array;
  /** Frames that fell on each row. */
  readonly frames: Int32Array;
  /** Mean square of one value. */
  readonly energy: number;
}

function fold({ map, rows }: { map: Float32Array; rows: number }): FoldedMap {
  const { block, bins } = AUDIO;
  const sum = new Float64Array(block * bins);
  const frames = new Int32Array(block);
  let energy = 0;
  for (let t = 0; t < rows; t++) {
    const row = t % block;
    frames[row] = frames[row]! + 1;
    for (let j = 0; j < bins; j++) {
      const value = map[t * bins + j]!;
      sum[row * bins + j] = sum[row * bins + j]! + value;
      energy += (value * value) / map.length;
    }
  }
  return { sum, frames, energy };
}

interface SyncChips {
  /** Bins of one row's synchronisation chips. */
  readonly bins: Int16Array;
  readonly signs: Int8Array;
}

const syncChips = (layout: AudioLayout): SyncChips[] =>
  Array.from({ length: AUDIO.block }, (_, r) => {
    const row = r * AUDIO.bins;
    const bins = Int16Array.from({ length: AUDIO.bins }, (_unused, j) => j).filter((j) => layout.bit[row + j] === -1);
    return { bins, signs: Int8Array.from(bins, (j) => layout.sign[row + j]!) };
  });

/** Normal deviate of the synchronisation chips at one phase: N(0, 1) on unmarked sound. */
function syncScore({ sum, frames, energy }: FoldedMap, sync: readonly SyncChips[], phase: number): number {
  let total = 0;
  let count = 0;
  for (let r = 0; r < AUDIO.block; r++) {
    const { bins, signs } = sync[(r + phase) % AUDIO.block]!;
    count += frames[r]! * bins.length;
    for (let k = 0; k < bins.length; k++) total += signs[k]! * sum[r * AUDIO.bins + bins[k]!]!;
  }
  return energy > 0 && count > 0 ? total / Math.sqrt(energy * count) : 0;
}

function softBits({ folded, phase }: Candidate, layout: AudioLayout): Float64Array {
  const { block, bins } = AUDIO;
  const soft = new Float64Array(CODE_BITS);
  for (let r = 0; r < block; r++) {
    const row = ((r + phase) % block) * bins;
    for (let j = 0; j < bins; j++) {
      const bit = layout.bit[row + j]!;
      if (bit >= 0) soft[bit] = soft[bit]! + folded.sum[r * bins + j]! * layout.sign[row + j]!;
    }
  }
  return soft;
}

/** Log-magnitudes less their neighbourhood, clipped at 8 dB, quiet frames held down, whitened. */
function whitenedMap(samples: Float32Array, offset: number): { map: Float32Array; rows: number } {
  const { frame: n, firstBin, bins } = AUDIO;
  const fft = new Fft(n);
  const rows = Math.floor((samples.length - offset) / n);
  const level = new Float32Array(rows * bins);
  const energy = new Float64Array(rows);
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let t = 0; t < rows; t++) {
    for (let i = 0; i < n; i++) re[i] = samples[offset + t * n + i]!;
    im.fill(0);
    fft.run(re, im, 0, false);
    for (let j = 0; j < bins; j++) {
      const power = re[firstBin + j]! ** 2 + im[firstBin + j]! ** 2;
      level[t * bins + j] = power;
      energy[t] = energy[t]! + power;
    }
  }
  const loudest = energy.reduce((a, b) => Math.max(a, b), 0);
  const floor = (loudest / bins) * 1e-7 + 1e-9;
  for (let i = 0; i < level.length; i++) level[i] = 10 * Math.log10(level[i]! + floor);
  const around = boxMean(level, bins, rows, 2);
  for (let t = 0; t < rows; t++) {
    const trust = energy[t]! > loudest * 1e-5 ? 1 : 0.15;
    for (let j = 0; j < bins; j++) {
      const i = t * bins + j;
      level[i] = Math.max(-8, Math.min(8, level[i]! - around[i]!)) * trust;
    }
  }
  return { map: whiten(level, rows, bins), rows };
}

/** Divides by the root of the smoothed power spectrum over time × frequency, in half-overlapping pieces of 64 frames. */
function whiten(map: Float32Array, rows: number, bins: number): Float32Array {
  const height = 64;
  const width = 128;
  const rowFft = new Fft(width);
  const columnFft = new Fft(height);
  const window = Float64Array.from({ length: height }, (_, t) =>
    Math.sqrt(0.5 - 0.5 * Math.cos((2 * Math.PI * (t + 0.5)) / height)),
  );
  const re = new Float64Array(height * width);
  const im = new Float64Array(height * width);
  const cr = new Float64Array(height);
  const ci = new Float64Array(height);
  const transform = (inverse: boolean): void => {
    for (let t = 0; t < height; t++) rowFft.run(re, im, t * width, inverse);
    for (let k = 0; k < width; k++) {
      for (let t = 0; t < height; t++) {
        cr[t] = re[t * width + k]!;
        ci[t] = im[t * width + k]!;
      }
      columnFft.run(cr, ci, 0, inverse);
      for (let t = 0; t < height; t++) {
        re[t * width + k] = cr[t]!;
        im[t * width + k] = ci[t]!;
      }
    }
  };
  const load = (start: number): void => {
    re.fill(0);
    im.fill(0);
    for (let t = 0; t < height; t++)
      if (start + t >= 0 && start + t < rows)
        for (let k = 0; k < bins; k++) re[t * width + k] = map[(start + t) * bins + k]! * window[t]!;
    transform(false);
  };
  const power = new Float32Array(height * width);
  for (let start = -height / 2; start < rows; start += height / 2) {
    load(start);
    for (let i = 0; i < power.length; i++) power[i] = power[i]! + re[i]! ** 2 + im[i]! ** 2;
  }
  const smooth = wrappedMean(power, width, height, 2);
  const result = new Float32Array(map.length);
  for (let start = -height / 2; start < rows; start += height / 2) {
    load(start);
    for (let i = 0; i < re.length; i++) {
      const gain = 1 / Math.sqrt(smooth[i]! + 1e-6);
      re[i] = re[i]! * gain;
      im[i] = im[i]! * gain;
    }
    transform(true);
    for (let t = 0; t < height; t++) {
      if (start + t < 0 || start + t >= rows) continue;
      for (let k = 0; k < bins; k++)
        result[(start + t) * bins + k] = result[(start + t) * bins + k]! + re[t * width + k]! * window[t]!;
    }
  }
  return result;
}

function wrappedMean(source: Float32Array, width: number, height: number, radius: number): Float32Array {
  const result = new Float32Array(source.length);
  const side = 2 * radius + 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let dy = -radius; dy <= radius; dy++)
        for (let dx = -radius; dx <= radius; dx++)
          sum += source[((y + dy + height) % height) * width + ((x + dx + width) % width)]!;
      result[y * width + x] = sum / (side * side);
    }
  }
  return result;
}
