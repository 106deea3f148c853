import {
  eyeDistance,
  type HeadPose,
  landmarkPose,
  learnTemplate,
  type MeasureTemplate,
  type ScaledPose,
  withoutPose,
} from '#face';
import { type FitInput, trainingCount } from './fit-input.ts';
import {
  multiply,
  type PicturePose,
  picturePoseOf,
  type PoseUnits,
  rotationFrom,
  rotationVector,
  transpose,
} from './picture-pose.ts';
import { solveLinear } from './linear-solve.ts';

/** Every 4th frame is enough for the mean shape of a clip. */
const TEMPLATE_EVERY = 4;

/** Landmark poses of a clip in the canonical axes of the head. */
export interface ClipPoses {
  /** 478 × 3 landmarks per frame, pixels of the picture. */
  readonly points: readonly Float64Array[];
  /** Mean shape in canonical axes and pixels: 478 × 3. */
  readonly shape: Float64Array;
  readonly units: PoseUnits;
  readonly poses: readonly PicturePose[];
  /** Pixels per metre of the head asset, in canonical axes. */
  readonly perMetre: number;
  /** The clip's mean shape in the axes of the measures, and the landmark pose of each frame on it. */
  readonly template: MeasureTemplate;
  readonly onTemplate: readonly ScaledPose[];
}

/**
 * Poses from landmarks, in axes chosen so that on average they agree with the track's own poses (perspective, on the head asset): what
 * a render request says by `pose` then means the same to the replica. 0.5 ms per frame.
 */
export function readClipPoses({ track, size, frames }: FitInput): ClipPoses {
  const k = size / track.size;
  const points = track.frames.map(({ landmarks }) => Float64Array.from(landmarks, (v) => v * k));
  const train = trainingCount(frames.length);
  const usable = points.filter((_, f) => f < train && f % TEMPLATE_EVERY === 0 && track.frames[f]!.present);
  const template = learnTemplate(usable);
  const onTemplate: ScaledPose[] = [];
  for (const p of points) onTemplate.push(landmarkPose(template.shape, p, onTemplate.at(-1)));
  const wanted = track.frames.map(({ pose }) => pose);
  const eyes = template.unit * meanRatio(onTemplate, wanted, template.unit, size, train);
  const units = { eyes, side: size };
  const turn = meanTurn(onTemplate, wanted, units, train);
  const origin = headOrigin(onTemplate, wanted, turn, units, train);
  const shape = new Float64Array(template.shape.length);
  const back = transpose(turn);
  for (let i = 0; i < shape.length; i += 3) {
    for (let c = 0; c < 3; c++) {
      shape[i + c] =
        back[3 * c]! * template.shape[i]! +
        back[3 * c + 1]! * template.shape[i + 1]! +
        back[3 * c + 2]! * template.shape[i + 2]! -
        origin[c]!;
    }
  }
  const poses = onTemplate.map(({ R, s, t }): PicturePose => {
    const turned = multiply(R, turn);
    const [x, y] = [0, 1].map(
      (row) =>
        t[row]! + s * (turned[3 * row]! * origin[0]! + turned[3 * row + 1]! * origin[1]! + turned[3 * row + 2]! * origin[2]!),
    );
    return { R: turned, s, x: x!, y: y! };
  });
  const rest = track.calibration?.rest;
  return { points, shape, units, poses, template, onTemplate, perMetre: eyes / (rest ? eyeDistance(rest) : MEAN_EYE_DISTANCE) };
}

/** Outer eye corners of the mean head, metres. */
const MEAN_EYE_DISTANCE = 0.09;

/** How much larger the track says that the head is, on average. */
function meanRatio(poses: readonly ScaledPose[], wanted: readonly HeadPose[], unit: number, side: number, train: number): number {
  let sum = 0;
  for (let f = 0; f < train; f++) sum += Math.log((wanted[f]!.scale * side) / (poses[f]!.s * unit));
  return Math.exp(sum / train);
}

/** Mean rotation between the template's axes and the head's: R_frame × turn is the track's rotation. */
function meanTurn(poses: readonly ScaledPose[], wanted: readonly HeadPose[], units: PoseUnits, train: number): Float64Array {
  let turn = rotationFrom(0, 0, 0);
  for (let round = 0; round < 3; round++) {
    const sum = [0, 0, 0];
    for (let f = 0; f < train; f++) {
      const off = multiply(transpose(multiply(poses[f]!.R, turn)), picturePoseOf(wanted[f]!, units).R);
      rotationVector(off).forEach((v, c) => (sum[c] = sum[c]! + v / train));
    }
    turn = multiply(turn, rotationFrom(sum[0]!, sum[1]!, sum[2]!));
  }
  return turn;
}

/**
 * Where the head's origin lies in the turned template: least squares over the clip. Depth shows only in turned heads, so it is held at
 * what the mean head has (the rigid points lie about one eye distance before the pivot).
 */
function headOrigin(
  poses: readonly ScaledPose[],
  wanted: readonly HeadPose[],
  turn: Float64Array,
  units: PoseUnits,
  train: number,
): Float64Array {
  const prior = [0, 0, 0.9 * units.eyes];
  const hold = [0.01 * train, 0.01 * train, 0.3 * train];
  const H = new Float64Array(9);
  const g = new Float64Array(3);
  for (let c = 0; c < 3; c++) {
    H[4 * c] = hold[c]!;
    g[c] = hold[c]! * prior[c]!;
  }
  for (let f = 0; f < train; f++) {
    const { R, s, t } = poses[f]!;
    const turned = multiply(R, turn);
    const target = [wanted[f]!.x * units.side - t[0], wanted[f]!.y * units.side - t[1]];
    for (let row = 0; row < 2; row++) {
      for (let a = 0; a < 3; a++) {
        g[a] = g[a]! + s * turned[3 * row + a]! * target[row]!;
        for (let b = 0; b < 3; b++) H[3 * a + b] = H[3 * a + b]! + s * s * turned[3 * row + a]! * turned[3 * row + b]!;
      }
    }
  }
  return solveLinear(H, g, 3);
}

/** Landmarks with the pose taken out, in units of the eye distance: what measures are read from. */
export const poseFree = ({ points, onTemplate, template }: ClipPoses, f: number): Float64Array =>
  withoutPose(points[f]!, onTemplate[f]!).map((v) => v / template.unit);
