import { coefficientIndex } from './coefficients.ts';
import { type Eyeball, GAZE, type HeadAsset, type Target } from './head-asset.ts';

/** Direction of one eye in radians: + yaw to the subject's left, + pitch up; 0, 0 is straight out of the head. */
export interface EyeDirection {
  readonly yaw: number;
  readonly pitch: number;
}
export interface Gaze {
  readonly left: EyeDirection;
  readonly right: EyeDirection;
}

export interface Deformation {
  /** Weights of `asset.identity`, in its order; missing ones are 0. */
  readonly identity?: ArrayLike<number>;
  /** Values of `COEFFICIENTS`, 0..1. */
  readonly coefficients?: ArrayLike<number>;
  /** Turns the eyeballs instead of the eyeLook* coefficients (whose effect on the lids stays). */
  readonly gaze?: Gaze;
}

/** Adds `weight` times a target to vertex positions. */
export function addTarget(out: Float32Array, target: Target, weight: number): void {
  if (weight === 0) return;
  const { index, delta } = target;
  for (let k = 0; k < index.length; k++) {
    const o = 3 * index[k]!;
    out[o] = out[o]! + weight * delta[3 * k]!;
    out[o + 1] = out[o + 1]! + weight * delta[3 * k + 1]!;
    out[o + 2] = out[o + 2]! + weight * delta[3 * k + 2]!;
  }
}

/**
 * Vertices (xyz, metres, head axes) of a head with this identity and expression: mean + Σ identity × delta + Σ coefficient ×
 * delta, then the eyeballs turned about their pivots. No skinning: pose and neck are the caller's. 1.0 ms.
 */
export function deform(asset: HeadAsset, by: Deformation = {}, out = new Float32Array(asset.positions.length)): Float32Array {
  out.set(asset.positions);
  const { identity, coefficients, gaze } = by;
  if (identity) asset.identity.forEach((target, k) => addTarget(out, target, identity[k] ?? 0));
  return express(asset, out, coefficients ?? [], gaze);
}

/** Adds an expression to vertices that already have an identity, in place: what a renderer with a baked identity calls. 0.2 ms. */
export function express(asset: HeadAsset, out: Float32Array, coefficients: ArrayLike<number>, gaze?: Gaze): Float32Array {
  const { left: leftEye, right: rightEye } = asset.eyes;
  // The pivots too: the eyeLook* deltas carry them off by up to 2 mm, and the balls would turn about a point that is not their centre.
  const balls = [...leftEye.vertices, leftEye.pivot, ...rightEye.vertices, rightEye.pivot];
  const rest = Float32Array.from(balls.flatMap((v) => [out[3 * v]!, out[3 * v + 1]!, out[3 * v + 2]!]));
  asset.units.forEach((target, k) => addTarget(out, target, coefficients[k] ?? 0));
  balls.forEach((v, k) => out.set(rest.subarray(3 * k, 3 * k + 3), 3 * v));
  const { left, right } = gaze ?? gazeOf(coefficients);
  turnEye(out, leftEye, left);
  turnEye(out, rightEye, right);
  return out;
}

const LOOK = {
  left: ['eyeLookOutLeft', 'eyeLookInLeft', 'eyeLookUpLeft', 'eyeLookDownLeft'].map(coefficientIndex),
  right: ['eyeLookOutRight', 'eyeLookInRight', 'eyeLookUpRight', 'eyeLookDownRight'].map(coefficientIndex),
} as const;

/** Eye directions that the eyeLook* coefficients stand for. */
export function gazeOf(coefficients: ArrayLike<number>): Gaze {
  const eye = ([out, inward, up, down]: readonly number[], toLeft: 1 | -1): EyeDirection => ({
    yaw: toLeft * ((coefficients[out!] ?? 0) * GAZE.out - (coefficients[inward!] ?? 0) * GAZE.in),
    pitch: (coefficients[up!] ?? 0) * GAZE.up - (coefficients[down!] ?? 0) * GAZE.down,
  });
  return { left: eye(LOOK.left, 1), right: eye(LOOK.right, -1) };
}

/** Writes the eyeLook* coefficients (0..1) that stand for these directions. */
export function setGaze(coefficients: Float32Array | Float64Array, gaze: Gaze): void {
  const unit = (v: number): number => (v < 0 ? 0 : v > 1 ? 1 : v);
  for (const side of ['left', 'right'] as const) {
    const [out, inward, up, down] = LOOK[side];
    const outwards = side === 'left' ? gaze.left.yaw : -gaze.right.yaw;
    coefficients[out!] = unit(outwards / GAZE.out);
    coefficients[inward!] = unit(-outwards / GAZE.in);
    coefficients[up!] = unit(gaze[side].pitch / GAZE.up);
    coefficients[down!] = unit(-gaze[side].pitch / GAZE.down);
  }
}

/** Pitch first, then yaw, about the pivot. */
function turnEye(out: Float32Array, { vertices, pivot }: Eyeball, { yaw, pitch }: EyeDirection): void {
  if (yaw === 0 && pitch === 0) return;
  const cy = Math.cos(yaw);
  const sy = Math.sin(yaw);
  const cp = Math.cos(pitch);
  const sp = Math.sin(pitch);
  const ox = out[3 * pivot]!;
  const oy = out[3 * pivot + 1]!;
  const oz = out[3 * pivot + 2]!;
  for (const v of vertices) {
    const x = out[3 * v]! - ox;
    const y = out[3 * v + 1]! - oy;
    const z = out[3 * v + 2]! - oz;
    const z1 = cp * z - sp * y;
    out[3 * v] = ox + cy * x + sy * z1;
    out[3 * v + 1] = oy + cp * y + sp * z;
    out[3 * v + 2] = oz + cy * z1 - sy * x;
  }
}

/** Identity weights by target name as a vector in the order of `asset.identity`, held inside each target's range. */
export function identityWeights(asset: HeadAsset, byName: Readonly<Record<string, number>>): Float32Array {
  return Float32Array.from(asset.identity, ({ name, lo, hi }) => Math.max(lo, Math.min(hi, byName[name] ?? 0)));
}

/** The 478 landmarks on these vertices (or on any 3 numbers per vertex): 3 × 478. */
export function landmarkPoints(asset: HeadAsset, vertices: ArrayLike<number>, out = new Float32Array(3 * 478)): Float32Array {
  const { triangle, bary } = asset.landmarks;
  for (let i = 0; i < 478; i++) {
    for (let k = 0; k < 3; k++) {
      let sum = 0;
      for (let m = 0; m < 3; m++) sum += bary[3 * i + m]! * vertices[3 * asset.triangles[3 * triangle[i]! + m]! + k]!;
      out[3 * i + k] = sum;
    }
  }
  return out;
}

/** Area-weighted unit normals, 3 per vertex; 0, 0, 0 for vertices of no triangle. */
export function vertexNormals(asset: HeadAsset, p: ArrayLike<number>): Float32Array {
  const normals = new Float32Array(p.length);
  const { triangles } = asset;
  for (let t = 0; t < triangles.length; t += 3) {
    const a = 3 * triangles[t]!;
    const b = 3 * triangles[t + 1]!;
    const c = 3 * triangles[t + 2]!;
    const ux = p[b]! - p[a]!;
    const uy = p[b + 1]! - p[a + 1]!;
    const uz = p[b + 2]! - p[a + 2]!;
    const vx = p[c]! - p[a]!;
    const vy = p[c + 1]! - p[a + 1]!;
    const vz = p[c + 2]! - p[a + 2]!;
    const n = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx] as const;
    for (const o of [a, b, c]) for (let k = 0; k < 3; k++) normals[o + k] = normals[o + k]! + n[k]!;
  }
  for (let o = 0; o < normals.length; o += 3) {
    const length = Math.hypot(normals[o]!, normals[o + 1]!, normals[o + 2]!);
    if (length > 0) for (let k = 0; k < 3; k++) normals[o + k] = normals[o + k]! / length;
  }
  return normals;
}
