import { measure, MEASURES } from '#face';
import { type ClipPoses, poseFree } from './clip-poses.ts';
import type { FitInput } from './fit-input.ts';
import { applyRidge, ridge } from './linear-solve.ts';

/** Frames that a causal filter may be behind. */
const LAGS = [0, 1, 2, 3];
const EVERY = 2;

/**
 * How many frames the track's coefficients are behind the pictures: the One-Euro filter that made them cannot look ahead. Found as
 * the shift at which they explain the landmarks' measures best; on two clips 1 frame at 25 fps (lip gap R² .62 → .78). Training
 * pairs each picture with the coefficients that belong to it; a drive read with the same filter then shows the same lag and no blur.
 */
export function coefficientLag({ track }: FitInput, clip: ClipPoses, usable: readonly number[]): number {
  const last = track.frames.length - 1;
  const frames = usable.filter((f, i) => i % EVERY === 0 && f + LAGS.at(-1)! <= last);
  const shapes = frames.map((f) => measure(poseFree(clip, f)));
  const spread = MEASURES.map((_, k) => variance(shapes.map((row) => row[k]!)));
  const misses = LAGS.map((lag) => {
    const rows = frames.map((f) => [...track.frames[f + lag]!.coefficients].map((v) => 10 * v));
    return ridge(rows, shapes, 0.01).reduce((sum, weights, k) => {
      const error = rows.reduce((e, row, i) => e + (applyRidge(weights, row) - shapes[i]![k]!) ** 2, 0) / rows.length;
      return sum + error / (spread[k]! || 1);
    }, 0);
  });
  return LAGS[misses.indexOf(Math.min(...misses))]!;
}

function variance(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
}
