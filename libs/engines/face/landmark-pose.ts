import { rotateLocally } from './dense-algebra.ts';
import { POINT_COUNT } from './landmark-groups.ts';

/** Points that hardly move with expression: forehead, temples, bridge of the nose, eye corners, cheekbones. */
export const RIGID_POINTS: readonly number[] = [
  10, 338, 297, 332, 284, 251, 109, 67, 103, 54, 21, 168, 6, 197, 195, 122, 351, 196, 419, 127, 356, 234, 454, 93, 323,
  133, 362, 33, 263, 116, 345, 123, 352, 227, 447, 162, 389, 9, 151, 108, 337,
]; // prettier-ignore

/** Scaled-orthographic pose of a template in the picture: p = s R q + t, all in picture axes (+x right, +y down, +z away). */
export interface ScaledPose {
  readonly R: Float64Array;
  readonly s: number;
  readonly t: readonly [number, number, number];
}

/** Weight of the net's own depth against x and y: it is usable, but not for yaw alone. */
const DEPTH_WEIGHT = 0.15;
const STEPS = 8;
/** Residuals beyond 2 px (squared: 4) lose weight. */
const ROBUST = 4;

export const startPose = (points: ArrayLike<number>): ScaledPose => ({
  R: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  s: 1,
  t: [points[9]!, points[10]!, 0],
});

/** Gauss-Newton pose of a template (478 × 3) onto landmarks (478 × x, y, z in pixels), from the last frame's pose. */
export function landmarkPose(
  template: ArrayLike<number>,
  points: ArrayLike<number>,
  from: ScaledPose = startPose(points),
  depthWeight = DEPTH_WEIGHT,
): ScaledPose {
  const R = from.R.slice();
  let { s } = from;
  const t = [...from.t] as [number, number, number];
  for (let step = 0; step < STEPS; step++) {
    const move = poseStep(template, points, R, s, t, depthWeight);
    // The step turns about the picture's axes: R ← exp(w) R = R exp(Rᵀw).
    const [wx, wy, wz] = [0, 1, 2].map((k) => R[k]! * move[0]! + R[3 + k]! * move[1]! + R[6 + k]! * move[2]!);
    rotateLocally(R, wx!, wy!, wz!);
    s *= Math.exp(move[3]!);
    for (let k = 0; k < 3; k++) t[k] = t[k]! + move[4 + k]!;
    if (Math.hypot(move[0]!, move[1]!, move[2]!) < 1e-6) break;
  }
  return { R, s, t };
}

function poseStep(
  S: ArrayLike<number>,
  p: ArrayLike<number>,
  R: Float64Array,
  s: number,
  t: readonly number[],
  depthWeight: number,
): Float64Array {
  const H = new Float64Array(49);
  const g = new Float64Array(7);
  for (const i of RIGID_POINTS) {
    const [X, Y, Z] = [S[3 * i]!, S[3 * i + 1]!, S[3 * i + 2]!];
    const a = s * (R[0]! * X + R[1]! * Y + R[2]! * Z);
    const b = s * (R[3]! * X + R[4]! * Y + R[5]! * Z);
    const c = s * (R[6]! * X + R[7]! * Y + R[8]! * Z);
    const e = [p[3 * i]! - a - t[0]!, p[3 * i + 1]! - b - t[1]!, p[3 * i + 2]! - c - t[2]!];
    const J = [[0, c, -b, a, 1, 0, 0], [-c, 0, a, b, 0, 1, 0], [b, -a, 0, c, 0, 0, 1]]; // prettier-ignore
    const robust = 1 / (1 + (e[0]! ** 2 + e[1]! ** 2) / ROBUST);
    for (let k = 0; k < 3; k++) {
      const w = robust * (k === 2 ? depthWeight : 1);
      for (let m = 0; m < 7; m++) {
        g[m] = g[m]! + w * J[k]![m]! * e[k]!;
        for (let n = 0; n < 7; n++) H[m * 7 + n] = H[m * 7 + n]! + w * J[k]![m]! * J[k]![n]!;
      }
    }
  }
  for (let m = 0; m < 7; m++) H[8 * m] = H[8 * m]! + 1e-6;
  return solveDense(H, g, 7);
}

/** x of H x = g by elimination with pivoting; H and g are used up. */
function solveDense(H: Float64Array, g: Float64Array, n: number): Float64Array {
  for (let i = 0; i < n; i++) {
    let p = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(H[r * n + i]!) > Math.abs(H[p * n + i]!)) p = r;
    if (p !== i) {
      for (let c = 0; c < n; c++) [H[i * n + c], H[p * n + c]] = [H[p * n + c]!, H[i * n + c]!];
      [g[i], g[p]] = [g[p]!, g[i]!];
    }
    for (let r = i + 1; r < n; r++) {
      const f = H[r * n + i]! / H[i * n + i]!;
      for (let c = i; c < n; c++) H[r * n + c] = H[r * n + c]! - f * H[i * n + c]!;
      g[r] = g[r]! - f * g[i]!;
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let c = i + 1; c < n; c++) g[i] = g[i]! - H[i * n + c]! * g[c]!;
    g[i] = g[i]! / H[i * n + i]!;
  }
  return g;
}

/** Landmarks without their pose: q = Rᵀ (p − t) / s, 478 × 3. */
export function withoutPose(points: ArrayLike<number>, { R, s, t }: ScaledPose): Float64Array {
  const out = new Float64Array(3 * POINT_COUNT);
  for (let i = 0; i < POINT_COUNT; i++) {
    const a = (points[3 * i]! - t[0]) / s;
    const b = (points[3 * i + 1]! - t[1]) / s;
    const c = (points[3 * i + 2]! - t[2]) / s;
    for (let k = 0; k < 3; k++) out[3 * i + k] = R[k]! * a + R[3 + k]! * b + R[6 + k]! * c;
  }
  return out;
}

/** Moves the mean of the rigid points to the origin, in place. */
export function centreRigid(shape: Float64Array): Float64Array {
  for (let k = 0; k < 3; k++) {
    const mean = RIGID_POINTS.reduce((sum, i) => sum + shape[3 * i + k]!, 0) / RIGID_POINTS.length;
    for (let i = 0; i < POINT_COUNT; i++) shape[3 * i + k] = shape[3 * i + k]! - mean;
  }
  return shape;
}
