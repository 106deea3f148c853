import { addTarget, COEFFICIENTS, type CoefficientName, coefficientIndex, type HeadAsset } from '#face';
import { clamp, pointAt, type Vec3 } from './vector.ts';

/** Weights of identity targets by name; see assets/head. */
export type Shape = Readonly<Record<string, number>>;
/** Values of expression units by name, 0..1; what is not named is 0. */
export type Units = Partial<Record<CoefficientName, number>>;

/** A landmark of the 478 on control points, metres. */
export function landmarkAt({ landmarks, triangles }: HeadAsset, points: Float32Array, i: number): Vec3 {
  const t = 3 * landmarks.triangle[i];
  const out: [number, number, number] = [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    for (let k = 0; k < 3; k++) out[k] += landmarks.bary[3 * i + c] * points[3 * triangles[t + c] + k];
  }
  return out;
}

/**
 * A person's neutral control points. Identity targets may move the whole head a little: it is put back so that the eyes are at the
 * mean head's height and depth.
 * @throws RangeError for a target that the asset does not have.
 */
export function shapeHead(asset: HeadAsset, shape: Shape): Float32Array {
  const out = Float32Array.from(asset.positions);
  const known = new Map(asset.identity.map((target) => [target.name, target]));
  for (const [name, weight] of Object.entries(shape)) {
    const target = known.get(name);
    if (!target) throw new RangeError(`the head asset has no identity target "${name}"`);
    addTarget(out, target, clamp(weight, target.lo, target.hi));
  }
  const { left, right } = asset.eyes;
  const mean = asset.positions;
  const up = mean[3 * left.pivot + 1] - (out[3 * left.pivot + 1] + out[3 * right.pivot + 1]) / 2;
  const ahead = mean[3 * left.pivot + 2] - out[3 * left.pivot + 2];
  for (let i = 0; i < out.length; i += 3) {
    out[i + 1] += up;
    out[i + 2] += ahead;
  }
  return out;
}

/** Neutral control points + expression → control points. */
export function express(asset: HeadAsset, neutral: Float32Array, units: ArrayLike<number>, out: Float32Array): Float32Array {
  out.set(neutral);
  for (let k = 0; k < COEFFICIENTS.length; k++) if (units[k] !== 0) addTarget(out, asset.units[k], units[k]);
  return out;
}

const LIDS = { Left: [386, 374], Right: [159, 145] } as const;

/**
 * How much eyeBlink closes this person's lids exactly: eye shapes differ, and a lid that stays .5 mm open is no blink to a landmark
 * net, while one pushed too far pierces the cheek. .85..1.25.
 */
export function lidGain(asset: HeadAsset, neutral: Float32Array, side: 'Left' | 'Right'): number {
  const [upper, lower] = LIDS[side];
  const moved = new Float32Array(neutral.length);
  const gap = (blink: number): number => {
    const units = new Float32Array(COEFFICIENTS.length);
    units[coefficientIndex(`eyeBlink${side}`)] = blink;
    express(asset, neutral, units, moved);
    return landmarkAt(asset, moved, upper)[1] - landmarkAt(asset, moved, lower)[1];
  };
  const open = gap(0);
  return clamp((open + 0.0006) / Math.max(0.001, open - gap(1)), 0.85, 1.25);
}

/** Distance of two landmarks in millimetres. */
export function landmarkGap(asset: HeadAsset, points: Float32Array, i: number, j: number): number {
  const a = landmarkAt(asset, points, i);
  const b = landmarkAt(asset, points, j);
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) * 1000;
}

/** The centre of an eyeball and the median distance of its vertices. */
export function eyeballOf(asset: HeadAsset, points: Float32Array, side: 'left' | 'right'): { centre: Vec3; radius: number } {
  const { vertices, pivot } = asset.eyes[side];
  const centre = pointAt(points, pivot);
  const distances = vertices.map((v) => Math.hypot(...[0, 1, 2].map((k) => points[3 * v + k] - centre[k]))).sort((a, b) => a - b);
  return { centre, radius: distances[distances.length >> 1] };
}
