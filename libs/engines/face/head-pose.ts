import type { RigidPose, Subject } from './subject.ts';
import type { HeadPose } from './track.ts';

/** Outer corners of the eyes: right, left. */
const CORNERS = [33, 263] as const;

/** 3 × 3, row major, of R = Rz(−roll) · Ry(yaw) · Rx(pitch): head axes → camera axes (+x right, +y up, +z to the viewer). */
export function rotationOf({ pitch, yaw, roll }: Pick<HeadPose, 'pitch' | 'yaw' | 'roll'>): Float64Array {
  const [cp, sp] = [Math.cos(pitch), Math.sin(pitch)];
  const [cy, sy] = [Math.cos(yaw), Math.sin(yaw)];
  const [cr, sr] = [Math.cos(-roll), Math.sin(-roll)];
  return Float64Array.of(
    cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp,
    sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp,
    -sy, cy * sp, cy * cp,
  ); // prettier-ignore
}

/** The angles of a rotation matrix: inverse of `rotationOf` for |yaw| < 90°. */
export const anglesOf = (R: ArrayLike<number>): Pick<HeadPose, 'pitch' | 'yaw' | 'roll'> => ({
  pitch: Math.atan2(R[7]!, R[8]!),
  yaw: Math.atan2(-R[6]!, Math.hypot(R[0]!, R[3]!)),
  roll: -Math.atan2(R[3]!, R[0]!),
});

/** Pose of a fitted head as fractions of a square crop of this side. */
export function headPoseOf(subject: Subject, pose: RigidPose, size: number): HeadPose {
  const { R, t } = pose;
  const { rest, focal, cx, cy } = subject;
  const corner = (k: number): number => (rest[3 * CORNERS[0] + k]! + rest[3 * CORNERS[1] + k]!) / 2;
  // Perspective: the size is that of the eyes' depth, not of the head's origin 10 cm behind them.
  const depth = -(R[6]! * corner(0) + R[7]! * corner(1) + R[8]! * corner(2) + t[2]!);
  return {
    ...anglesOf(R),
    x: (cx - (focal * t[0]!) / t[2]!) / size,
    y: (cy + (focal * t[1]!) / t[2]!) / size,
    scale: (focal * eyeDistance(rest)) / depth / size,
  };
}

/** Distance of the outer eye corners at rest, metres. */
export const eyeDistance = (rest: ArrayLike<number>): number =>
  Math.hypot(...[0, 1, 2].map((k) => rest[3 * CORNERS[1] + k]! - rest[3 * CORNERS[0] + k]!));
