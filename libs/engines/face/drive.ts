import { COEFFICIENT_COUNT } from './coefficients.ts';
import type { HeadPose, Track } from './track.ts';

/** Place of the shoulders in the crop, as fractions of its side and radians; relative to the model's own rest. */
export interface TorsoPose {
  readonly x: number;
  readonly y: number;
  readonly roll: number;
  readonly scale: number;
}

/** Everything that a replica's one frame is driven by. Nothing else exists: no pixel, no latent code. */
export interface Drive {
  /** Values of `COEFFICIENTS`, 0..1. */
  readonly coefficients: Float32Array;
  readonly pose: HeadPose;
  readonly torso?: TorsoPose;
}

/** The drive that a tracked frame stands for: what a render request could carry of it. */
export function driveOf(track: Track, frame: number): Drive {
  const found = track.frames[frame];
  if (!found) throw new RangeError(`the track has ${track.frames.length} frames, not frame ${frame}`);
  return { coefficients: found.coefficients, pose: found.pose };
}

/** A face at rest in the middle of the crop. */
export const neutralDrive = (pose: Partial<HeadPose> = {}): Drive => ({
  coefficients: new Float32Array(COEFFICIENT_COUNT),
  pose: { pitch: 0, yaw: 0, roll: 0, x: 0.5, y: 0.5, scale: 0.18, ...pose },
});
