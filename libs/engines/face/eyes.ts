import type { EyeDirection, Gaze } from './deform.ts';
import { BLINK, LOOK_DOWN, LOOK_UP, WIDE } from './head-model.ts';
import { LEFT_IRIS, RIGHT_IRIS } from './landmark-groups.ts';
import { projectPoint, type RigidPose, type Subject } from './subject.ts';

const SIDES = ['left', 'right'] as const;
type Side = (typeof SIDES)[number];

/** Above this blink the iris is hidden: the last direction is held. */
const HIDDEN = 0.65;

/**
 * Direction of each eye in head axes, minus the calibrated rest direction: the ray through the iris centre meets the eyeball.
 * `points`: 478 × x, y, z in pixels.
 */
export function readGaze(subject: Subject, pose: RigidPose, points: ArrayLike<number>, units: Float64Array, last: Gaze): Gaze {
  const read = (side: Side): EyeDirection =>
    units[BLINK[side]]! > HIDDEN ? last[side] : eyeDirection(subject, pose, points, side);
  return { left: read('left'), right: read('right') };
}

function eyeDirection(subject: Subject, { R, t }: RigidPose, points: ArrayLike<number>, side: Side): EyeDirection {
  const { centre: c, radius, rest } = subject.eye[side];
  const iris = 3 * (side === 'left' ? LEFT_IRIS : RIGHT_IRIS);
  const ray = [(points[iris]! - subject.cx) / subject.focal, -(points[iris + 1]! - subject.cy) / subject.focal, -1];
  const length = Math.hypot(...ray);
  const d = ray.map((v) => v / length);
  const C = [0, 1, 2].map((a) => R[3 * a]! * c[0] + R[3 * a + 1]! * c[1] + R[3 * a + 2]! * c[2] + t[a]!);
  const along = d[0]! * C[0]! + d[1]! * C[1]! + d[2]! * C[2]!;
  const miss = C[0]! ** 2 + C[1]! ** 2 + C[2]! ** 2 - along ** 2;
  // A ray that passes beside the ball touches it at its nearest point.
  const near = along - Math.sqrt(Math.max(0, radius ** 2 - miss));
  const v = [0, 1, 2].map((a) => d[a]! * near - C[a]!);
  const h = [0, 1, 2].map((a) => R[a]! * v[0]! + R[3 + a]! * v[1]! + R[6 + a]! * v[2]!);
  return {
    yaw: Math.atan2(h[0]!, h[2]!) - rest.yaw,
    pitch: Math.atan2(h[1]!, Math.hypot(h[0]!, h[2]!)) - rest.pitch,
  };
}

const LIDS = {
  left: { pairs: [[386, 374], [387, 373], [385, 380]], corners: [263, 362] },
  right: { pairs: [[159, 145], [160, 144], [158, 153]], corners: [33, 133] },
} as const; // prettier-ignore

/** Lid gap over eye width in the picture, divided by what this person's rest head would show from the same pose. */
export function lidAperture(subject: Subject, pose: RigidPose, points: ArrayLike<number>, side: Side): number {
  const { pairs, corners } = LIDS[side];
  const { rest } = subject;
  const seen = (i: number): [number, number] => [points[3 * i]!, points[3 * i + 1]!];
  const expected = (i: number): [number, number] => projectPoint(subject, pose, rest[3 * i]!, rest[3 * i + 1]!, rest[3 * i + 2]!);
  const ratio = (at: (i: number) => [number, number]): number => {
    const apart = (i: number, j: number): number => {
      const [p, q] = [at(i), at(j)];
      return Math.hypot(p[0] - q[0], p[1] - q[1]);
    };
    return pairs.reduce((sum, [a, b]) => sum + apart(a, b), 0) / (3 * apart(corners[0], corners[1]));
  };
  return ratio(seen) / ratio(expected);
}

/** Writes eyeBlink and eyeWide from the lid gap, within this person's own range; the lids follow the gaze up and down. */
export function setLids(units: Float64Array, subject: Subject, aperture: HeadAperture): void {
  for (const side of SIDES) {
    const eye = subject.eye[side];
    const open = eye.open * (1 - 0.35 * units[LOOK_DOWN[side]]! + 0.1 * units[LOOK_UP[side]]!);
    units[BLINK[side]] = unit((open * 0.96 - aperture[side]) / Math.max(0.05, open * 0.96 - eye.closed));
    units[WIDE[side]] = unit((aperture[side] / open - 1.05) / 0.3);
  }
}
interface HeadAperture {
  readonly left: number;
  readonly right: number;
}

const unit = (v: number): number => (v < 0 ? 0 : v > 1 ? 1 : v);
