import { anglesOf, type HeadPose, rotationOf } from '#face';

/** Scaled-orthographic pose in picture axes (+x right, +y down, +z away): p = s R q + (x, y), pixels. */
export interface PicturePose {
  /** 3 × 3, row major. */
  readonly R: Float64Array;
  readonly s: number;
  readonly x: number;
  readonly y: number;
}

/** Similarity in the picture about a centre c: p → M (p − c) + c + t, M = [a −b; b a]. */
export interface TorsoMotion {
  readonly a: number;
  readonly b: number;
  readonly x: number;
  readonly y: number;
}
export const TORSO_AT_REST: TorsoMotion = { a: 1, b: 0, x: 0, y: 0 };

export function multiply(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  const out = new Float64Array(9);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out[3 * i + j] = a[3 * i]! * b[j]! + a[3 * i + 1]! * b[3 + j]! + a[3 * i + 2]! * b[6 + j]!;
  }
  return out;
}

export const transpose = (a: ArrayLike<number>): Float64Array =>
  Float64Array.of(a[0]!, a[3]!, a[6]!, a[1]!, a[4]!, a[7]!, a[2]!, a[5]!, a[8]!);

/** exp of a rotation vector (Rodrigues). */
export function rotationFrom(x: number, y: number, z: number): Float64Array {
  const angle = Math.hypot(x, y, z);
  if (angle < 1e-9) return Float64Array.of(1, -z, y, z, 1, -x, -y, x, 1);
  const [u, v, w] = [x / angle, y / angle, z / angle];
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const k = 1 - c;
  return Float64Array.of(
    c + u * u * k, u * v * k - w * s, u * w * k + v * s,
    v * u * k + w * s, c + v * v * k, v * w * k - u * s,
    w * u * k - v * s, w * v * k + u * s, c + w * w * k,
  ); // prettier-ignore
}

/** Inverse of `rotationFrom` for angles below 180°. */
export function rotationVector(R: ArrayLike<number>): [number, number, number] {
  const angle = Math.acos(Math.max(-1, Math.min(1, (R[0]! + R[4]! + R[8]! - 1) / 2)));
  const k = angle < 1e-6 ? 0.5 : angle / (2 * Math.sin(angle));
  return [(R[7]! - R[5]!) * k, (R[2]! - R[6]!) * k, (R[3]! - R[1]!) * k];
}

/** Camera axes (y up, z to the viewer) ↔ picture axes (y down, z away): both are the same sign change of rows and columns. */
const flip = (R: ArrayLike<number>): Float64Array =>
  Float64Array.of(R[0]!, -R[1]!, -R[2]!, -R[3]!, R[4]!, R[5]!, -R[6]!, R[7]!, R[8]!);

/** `eyes`: distance of the outer eye corners in canonical pixels; `side`: of the picture. */
export interface PoseUnits {
  readonly eyes: number;
  readonly side: number;
}

export const picturePoseOf = (pose: HeadPose, { eyes, side }: PoseUnits): PicturePose => ({
  R: flip(rotationOf(pose)),
  s: (pose.scale * side) / eyes,
  x: pose.x * side,
  y: pose.y * side,
});

export const headPoseFrom = ({ R, s, x, y }: PicturePose, { eyes, side }: PoseUnits): HeadPose => ({
  ...anglesOf(flip(R)),
  x: x / side,
  y: y / side,
  scale: (s * eyes) / side,
});
