import type { EyeDirection, Gaze } from './deform.ts';
import { type HeadModel } from './head-model.ts';
import { LEFT_IRIS, POINT_COUNT, RIGHT_IRIS } from './landmark-groups.ts';

/** A pinhole camera that looks along −z of its own axes: +x right and +y up in the picture. */
export interface Camera {
  /** Focal length and principal point in pixels. */
  readonly focal: number;
  readonly cx: number;
  readonly cy: number;
}

/** Head axes → camera axes: X = R p + t, metres; t[2] < 0. */
export interface RigidPose {
  /** 3 × 3, row major. */
  readonly R: Float64Array;
  readonly t: Float64Array;
}

export interface EyeModel {
  /** Centre of the eyeball in head axes, and the radius on which its iris lies. */
  centre: readonly [number, number, number];
  readonly radius: number;
  /** Direction at rest, subtracted from what is read. */
  rest: EyeDirection;
  /** Lid gap of this person, awake and shut, as a multiple of the rest head's. */
  open: number;
  closed: number;
}

/** What calibration learns of one person in one clip. */
export interface Subject extends Camera {
  /** Weights of the identity targets. */
  readonly identity: Float64Array;
  /** The 478 points of this person at rest (identity, plus `offset`), 3 each. */
  readonly rest: Float64Array;
  /** What identity cannot explain, per point, at most 6 mm. */
  readonly offset: Float64Array;
  readonly eye: { readonly left: EyeModel; readonly right: EyeModel };
  /** Median residual in metres over the calibration frames. */
  residual: number;
}

/** What the solver reads from one frame. */
export interface HeadFit {
  readonly pose: RigidPose;
  /** 52 coefficients, then the modes of landmark error. */
  readonly units: Float64Array;
  readonly gaze: Gaze;
  /** Lid gap over eye width, as a multiple of the rest head's from the same pose. */
  readonly aperture: { readonly left: number; readonly right: number };
  /** Weighted rms distance in the camera plane, metres. */
  readonly residual: number;
}

/** The mean head, before anything is known about the person. */
export function meanSubject(model: HeadModel, camera: Camera): Subject {
  const { rest } = model;
  const eye = (side: 'left' | 'right', iris: number): EyeModel => {
    const centre = restPoint(model.asset.positions, model.asset.eyes[side].pivot);
    const radius = Math.hypot(...centre.map((c, k) => rest[3 * iris + k]! - c));
    return { centre, radius, rest: { yaw: 0, pitch: 0 }, open: 1, closed: 0.3 };
  };
  return {
    ...camera,
    identity: new Float64Array(model.asset.identity.length),
    rest: rest.slice(),
    offset: new Float64Array(3 * POINT_COUNT),
    eye: { left: eye('left', LEFT_IRIS), right: eye('right', RIGHT_IRIS) },
    residual: Infinity,
  };
}

/** Puts the rest points and the eyeballs where the identity weights (and the offsets) say. */
export function applyIdentity(model: HeadModel, subject: Subject): void {
  subject.rest.set(model.rest);
  model.identity.addTo(subject.rest, subject.identity);
  for (let i = 0; i < subject.rest.length; i++) subject.rest[i] = subject.rest[i]! + subject.offset[i]!;
  for (const side of ['left', 'right'] as const) {
    const { pivot } = model.asset.eyes[side];
    const centre = restPoint(model.asset.positions, pivot);
    model.asset.identity.forEach(({ index, delta }, k) => {
      const w = subject.identity[k]!;
      const at = w === 0 ? -1 : index.indexOf(pivot);
      if (at >= 0) for (let c = 0; c < 3; c++) centre[c] = centre[c]! + w * delta[3 * at + c]!;
    });
    subject.eye[side].centre = centre;
  }
}

const restPoint = (p: Float32Array, v: number): [number, number, number] => [p[3 * v]!, p[3 * v + 1]!, p[3 * v + 2]!];

/** Picture position of a point in head axes. */
export function projectPoint({ focal, cx, cy }: Camera, { R, t }: RigidPose, x: number, y: number, z: number): [number, number] {
  const Z = R[6]! * x + R[7]! * y + R[8]! * z + t[2]!;
  return [
    cx - (focal * (R[0]! * x + R[1]! * y + R[2]! * z + t[0]!)) / Z,
    cy + (focal * (R[3]! * x + R[4]! * y + R[5]! * z + t[1]!)) / Z,
  ];
}
