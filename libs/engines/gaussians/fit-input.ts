import type { Track } from '#face';
import { UnusableFootageError } from './gaussians.errors.ts';

/** The footage of one person as the fit takes it: everything in memory, nothing read from disk. */
export interface FitInput {
  /** Side of the square pictures. */
  readonly size: 256;
  /** Interleaved rgb, size² × 3 bytes each. */
  readonly frames: readonly Uint8Array[];
  /** One tracked frame per picture; its own crop may be larger than `size`. */
  readonly track: Track;
}

/** Below this there is nothing to hold out. */
export const MIN_FRAMES = 40;

/** @throws UnusableFootageError when pictures and track do not belong together or are too few. */
export function requireUsable({ size, frames, track }: FitInput): void {
  const fault =
    frames.length < MIN_FRAMES
      ? `it has ${frames.length} pictures, at least ${MIN_FRAMES} are needed`
      : track.frames.length !== frames.length || track.mattes.length !== frames.length
        ? `${frames.length} pictures, ${track.frames.length} tracked frames and ${track.mattes.length} mattes do not belong together`
        : frames.some((frame) => frame.length !== 3 * size * size)
          ? `a picture of ${size}² needs ${3 * size * size} bytes`
          : track.frames.filter((frame) => frame.present).length < 0.5 * frames.length
            ? 'fewer than half of the pictures show a face'
            : undefined;
  if (fault) throw new UnusableFootageError(`The footage cannot be fitted: ${fault}.`);
}

/** Last share of the clip that no step of training may look at, except for tracking its pose. */
export const HELD_OUT = 0.15;
export const trainingCount = (frames: number): number => frames - Math.round(frames * HELD_OUT);

/** Matte of frame f at the picture's size; bytes, 255 = person. */
export function matteAt({ track, size }: FitInput, f: number): Uint8Array {
  const from = track.mattes[f]!;
  const n = track.matteSize;
  if (n === size) return from;
  const out = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    const sy = Math.min(n - 1, Math.floor(((y + 0.5) * n) / size));
    for (let x = 0; x < size; x++) out[y * size + x] = from[sy * n + Math.min(n - 1, Math.floor(((x + 0.5) * n) / size))]!;
  }
  return out;
}
