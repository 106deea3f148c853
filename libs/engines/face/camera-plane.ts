import type { HeadModel } from './head-model.ts';
import type { Symmetric3 } from './landmark-columns.ts';
import type { RigidPose } from './subject.ts';

/** The face lies about 7 cm in front of the head's origin: the ray through it stands for all points. */
export const FACE_DEPTH = 0.07;

/**
 * Head axes → camera plane, 2 × 3: a displacement d of any point moves its picture by A d (in metres at its depth). One matrix for
 * the whole face, taken along the ray through its middle.
 */
export interface CameraPlane {
  readonly A: readonly [number, number, number, number, number, number];
  /** Unit vector in head axes from the face to the camera. */
  readonly towards: readonly [number, number, number];
}

export function cameraPlane({ R, t }: RigidPose): CameraPlane {
  const depth = t[2]! + FACE_DEPTH * R[8]!;
  const mx = (t[0]! + FACE_DEPTH * R[2]!) / depth;
  const my = (t[1]! + FACE_DEPTH * R[5]!) / depth;
  const ray = [0, 1, 2].map((a) => R[a]! * mx + R[3 + a]! * my + R[6 + a]!);
  const length = Math.hypot(...ray);
  return {
    A: [
      R[0]! - mx * R[6]!, R[1]! - mx * R[7]!, R[2]! - mx * R[8]!,
      R[3]! - my * R[6]!, R[4]! - my * R[7]!, R[5]! - my * R[8]!,
    ],
    towards: [ray[0]! / length, ray[1]! / length, ray[2]! / length],
  }; // prettier-ignore
}

/** AᵀA as its six products. */
export const planeGram = ([a, b, c, d, e, f]: CameraPlane['A']): Symmetric3 => [
  a * a + d * d,
  b * b + e * e,
  c * c + f * f,
  a * b + d * e,
  a * c + d * f,
  b * c + e * f,
];

/** 0.03..1: how well a point is seen, from the angle of its surface to the camera. */
export function visibility({ normals }: HeadModel, point: number, [x, y, z]: CameraPlane['towards']): number {
  const o = 3 * point;
  const facing = normals[o]! * x + normals[o + 1]! * y + normals[o + 2]! * z;
  return Math.max(0.03, Math.min(1, (facing + 0.15) / 0.4));
}
