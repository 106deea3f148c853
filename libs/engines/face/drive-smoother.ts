import { COEFFICIENT_COUNT } from './coefficients.ts';
import { OneEuro } from './one-euro.ts';
import type { HeadPose } from './track.ts';

/**
 * Pose numbers are filtered in units that make their usual speeds alike: 1 rad of turn, a tenth of the crop, and a tenth of the eye
 * distance count as 1. Otherwise one `beta` could not suit all six.
 */
const POSITION_UNIT = 0.1;
const SCALE_UNIT = 0.02;
const POSE_CUTOFF = 5;
const POSE_BETA = 20;
/** Of twelve settings tried on two clips: half a frame of lag (20 ms) for 0.6 of the jitter; 1.5 Hz and 1.2 lagged a whole frame. */
const COEFFICIENT_CUTOFF = 4;
const COEFFICIENT_BETA = 4;

/** The one smoothing of coefficients and pose, used when a track is read for training and when a drive is read live. */
export class DriveSmoother {
  private readonly coefficients: OneEuro;
  private readonly pose: OneEuro;

  constructor(fps: number) {
    this.coefficients = new OneEuro(fps, COEFFICIENT_CUTOFF, COEFFICIENT_BETA);
    this.pose = new OneEuro(fps, POSE_CUTOFF, POSE_BETA);
  }

  next(coefficients: ArrayLike<number>, pose: HeadPose): { coefficients: Float32Array; pose: HeadPose } {
    const c = this.coefficients.next(coefficients).subarray(0, COEFFICIENT_COUNT);
    const { pitch, yaw, roll, x, y, scale } = pose;
    const p = this.pose.next([pitch, yaw, roll, x / POSITION_UNIT, y / POSITION_UNIT, scale / SCALE_UNIT]);
    return {
      coefficients: Float32Array.from(c, (v) => Math.max(0, Math.min(1, v))),
      pose: {
        pitch: p[0]!,
        yaw: p[1]!,
        roll: p[2]!,
        x: p[3]! * POSITION_UNIT,
        y: p[4]! * POSITION_UNIT,
        scale: p[5]! * SCALE_UNIT,
      },
    };
  }
}
