import { COEFFICIENTS, coefficientIndex, type Drive, type HeadPose, type TorsoPose } from '#face';
import { applyRidge } from './linear-solve.ts';
import { type PicturePose, picturePoseOf, type PoseUnits, type TorsoMotion } from './picture-pose.ts';
import { type BlockName, BONES } from './splat-layout.ts';
import type { Posture } from './splat-head.ts';

/** Columns that are no coefficient: turn of the head, the head against the shoulders, the shoulders themselves. */
export const POSE_COLUMNS = ['pitch', 'yaw', 'roll'] as const;
export const TORSO_COLUMNS = ['relX', 'relY', 'torsoX', 'torsoY', 'torsoRoll', 'torsoScale'] as const;

/**
 * How one named number becomes a weight: w = (clamp(value, lo, hi) − mean) / (2 scale) for what was learned of it. What goes beyond the
 * footage moves splats only as the head asset's own unit says (column `name+`), as far as floor and ceiling: learned deltas tear there.
 */
export interface DriveColumn {
  readonly name: string;
  readonly mean: number;
  readonly scale: number;
  /**
   * What leading coefficients explain of this one in the footage, taken off its value: a blink lowers the gaze too, and without this half
   * of the lid's motion would be learned as eyeLookDown and a blink alone would not close the eye.
   */
  readonly less: readonly { readonly name: string; readonly by: number }[];
  /** Range of the footage: what was learned stops here. */
  readonly lo: number;
  readonly hi: number;
  /** The head asset's motion stops here. */
  readonly floor: number;
  readonly ceiling: number;
  /** Beyond these the named number itself is flagged: what the footage showed, with a tolerance. */
  readonly seenLo: number;
  readonly seenHi: number;
}

/** Name of the column that carries a coefficient beyond the footage. */
export const beyond = (name: string): string => `${name}+`;

/** Everything between a drive and the splats, apart from the splats. */
export interface Rig {
  readonly units: PoseUnits;
  /** Pose and centre that the torso's bone starts from. */
  readonly reference: PicturePose;
  readonly torsoCentre: readonly [number, number];
  /** Torso x, y, roll, scale from head pose (1, pitch, yaw, roll, x, y, scale): for drives that carry no torso. */
  readonly torsoRule: readonly Float64Array[];
  readonly columns: readonly DriveColumn[];
}

const side = (name: 'Left' | 'Right'): string[] => [
  ...['eyeBlink', 'eyeLookDown', 'eyeLookUp', 'eyeLookIn', 'eyeLookOut', 'eyeSquint', 'eyeWide', 'browDown', 'browOuterUp'].map(
    (c) => c + name,
  ),
  'browInnerUp',
  ...POSE_COLUMNS,
];

/** Which columns move which block. A part of the face never sees a coefficient of another part: leakage is ruled out by structure. */
export const BLOCK_COLUMNS: Readonly<Record<BlockName, readonly string[]>> = {
  mouth: [
    ...COEFFICIENTS.filter((name) => /^(mouth|jaw)/.test(name) && !/^(jawForward)/.test(name)),
    ...POSE_COLUMNS,
  ],
  eyeLeft: side('Left'),
  eyeRight: side('Right'),
  head: [...POSE_COLUMNS, 'jawOpen', 'browInnerUp', 'browDownLeft', 'browDownRight', 'relX', 'relY'],
  torso: ['relX', 'relY', ...POSE_COLUMNS, 'torsoX', 'torsoY', 'torsoRoll', 'torsoScale', 'jawOpen'],
}; // prettier-ignore

/** Value of every column for one drive. */
export function columnValues(
  rig: Pick<Rig, 'units' | 'reference' | 'torsoCentre'>,
  drive: Drive,
  torso: TorsoPose,
): Map<string, number> {
  const { pose } = drive;
  const picture = picturePoseOf(pose, rig.units);
  const motion = torsoMotionOf(torso, rig.units.side);
  const [cx, cy] = rig.torsoCentre;
  const [X, Y] = [rig.reference.x - cx, rig.reference.y - cy];
  const out = new Map<string, number>();
  for (const name of COEFFICIENTS) out.set(name, drive.coefficients[coefficientIndex(name)]!);
  for (const name of POSE_COLUMNS) out.set(name, pose[name]);
  // Where the shoulders would carry the head, against where it is.
  out.set('relX', picture.x - (motion.a * X - motion.b * Y + cx + motion.x));
  out.set('relY', picture.y - (motion.b * X + motion.a * Y + cy + motion.y));
  out.set('torsoX', torso.x);
  out.set('torsoY', torso.y);
  out.set('torsoRoll', torso.roll);
  out.set('torsoScale', Math.log(torso.scale));
  return out;
}

export const torsoMotionOf = (torso: TorsoPose, side: number): TorsoMotion => ({
  a: torso.scale * Math.cos(torso.roll),
  b: torso.scale * Math.sin(torso.roll),
  x: torso.x * side,
  y: torso.y * side,
});
export const torsoPoseOf = ({ a, b, x, y }: TorsoMotion, side: number): TorsoPose => ({
  x: x / side,
  y: y / side,
  roll: Math.atan2(b, a),
  scale: Math.hypot(a, b),
});

const poseRow = ({ pitch, yaw, roll, x, y, scale }: HeadPose): number[] => [pitch, yaw, roll, x, y, scale];
export { poseRow };

/** Head and torso bones for the kernel. */
export function bonesOf(
  rig: Pick<Rig, 'units' | 'reference' | 'torsoCentre'>,
  pose: PicturePose,
  torso: TorsoMotion,
): Float32Array {
  const out = new Float32Array(BONES);
  const { R: R0, s: s0, x: x0, y: y0 } = rig.reference;
  const [cx, cy] = rig.torsoCentre;
  for (let k = 0; k < 9; k++) out[k] = pose.s * pose.R[k]!;
  out[9] = pose.x;
  out[10] = pose.y;
  for (let k = 0; k < 3; k++) {
    out[12 + k] = s0 * (torso.a * R0[k]! - torso.b * R0[3 + k]!);
    out[15 + k] = s0 * (torso.b * R0[k]! + torso.a * R0[3 + k]!);
    out[18 + k] = s0 * R0[6 + k]!;
  }
  out[21] = torso.a * (x0 - cx) - torso.b * (y0 - cy) + cx + torso.x;
  out[22] = torso.b * (x0 - cx) + torso.a * (y0 - cy) + cy + torso.y;
  return out;
}

/** Coefficients that lead, and those that follow them in footage. */
export const LEADERS: readonly { readonly leaders: readonly string[]; readonly followers: readonly string[] }[] = [
  ...(['Left', 'Right'] as const).map((s) => ({
    leaders: [`eyeBlink${s}`],
    followers: ['eyeLookDown', 'eyeLookUp', 'eyeLookIn', 'eyeLookOut', 'eyeSquint', 'eyeWide', 'browDown'].map((c) => c + s),
  })),
  {
    leaders: ['jawOpen', 'mouthSmileLeft', 'mouthSmileRight', 'mouthPucker'],
    followers: COEFFICIENTS.filter((name) => /^mouth(?!Smile|Pucker|Left|Right)/.test(name)),
  },
];

/** A column's value: the named number without what its leaders explain. */
export const columnValue = ({ name, less }: Pick<DriveColumn, 'name' | 'less'>, values: ReadonlyMap<string, number>): number =>
  less.reduce((v, leader) => v - leader.by * values.get(leader.name)!, values.get(name)!);

const clamp = (v: number, lo: number, hi: number): number => (v > lo ? (v < hi ? v : hi) : lo);

/** Weight of a value in a column; a value that is no number counts as the lowest. */
export const weightIn = ({ lo, hi, mean, scale }: DriveColumn, value: number): number =>
  (clamp(value, lo, hi) - mean) / (2 * scale);

const weightBeyond = ({ lo, hi, floor, ceiling, scale }: DriveColumn, value: number): number =>
  (clamp(value, floor, ceiling) - clamp(value, lo, hi)) / (2 * scale);

export interface DrivenPosture {
  readonly posture: Posture;
  /** Named numbers that lay beyond what training footage showed. */
  readonly outOfRange: readonly string[];
}

/** The posture that a drive asks for, by a rig. */
export function postureOf(rig: Rig, blocks: readonly { readonly columns: readonly string[] }[], drive: Drive): DrivenPosture {
  const torso = drive.torso ?? torsoFromPose(rig, drive.pose);
  const values = columnValues(rig, drive, torso);
  const weights = new Map<string, number>();
  const outOfRange: string[] = [];
  for (const column of rig.columns) {
    const value = values.get(column.name)!;
    const own = columnValue(column, values);
    weights.set(column.name, weightIn(column, own));
    weights.set(beyond(column.name), weightBeyond(column, own));
    if (!(value >= column.seenLo && value <= column.seenHi)) outOfRange.push(column.name);
  }
  return {
    posture: {
      weights: blocks.map(({ columns }) => Float32Array.from(columns, (name) => weights.get(name)!)),
      bones: bonesOf(rig, picturePoseOf(drive.pose, rig.units), torsoMotionOf(torso, rig.units.side)),
    },
    outOfRange,
  };
}

export function torsoFromPose(rig: Pick<Rig, 'torsoRule'>, pose: HeadPose): TorsoPose {
  const [x, y, roll, scale] = rig.torsoRule.map((weights) => applyRidge(weights, poseRow(pose)));
  return { x: x!, y: y!, roll: roll!, scale: Math.max(0.5, Math.min(2, scale!)) };
}
