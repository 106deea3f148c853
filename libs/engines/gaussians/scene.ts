import { type Drive } from '#face';
import { backgroundPlates, type Plates } from './background-plates.ts';
import { type ClipPoses, readClipPoses } from './clip-poses.ts';
import { coefficientLag } from './coefficient-lag.ts';
import { torsoPoseOf } from './drive-rig.ts';
import { type FitInput, trainingCount } from './fit-input.ts';
import type { FitControl } from './fit-progress.ts';
import { PhotometricPose } from './photometric-pose.ts';
import {
  headPoseFrom,
  multiply,
  type PicturePose,
  rotationFrom,
  rotationVector,
  type TorsoMotion,
  transpose,
} from './picture-pose.ts';
import { smoothApart } from './smoothing.ts';
import { TorsoTracker } from './torso-motion.ts';

/** Half width of the smoothing of poses: 5 frames. */
const SMOOTH = 2;

/** Footage with everything tracked that a fit needs: refined head poses, shoulders, background. */
export interface Scene {
  readonly input: FitInput;
  readonly clip: ClipPoses;
  /** Frames before this one may be learned from. */
  readonly train: number;
  /** Training frames that show the face. */
  readonly usable: readonly number[];
  readonly reference: number;
  readonly plates: Plates;
  readonly torsoCentre: readonly [number, number];
  /** Frames that the track's coefficients are behind the pictures. */
  readonly lag: number;
  /** Per frame; realignment replaces them. */
  poses: readonly PicturePose[];
  torso: readonly TorsoMotion[];
}

export async function prepareScene(input: FitInput, control: FitControl): Promise<Scene> {
  const F = input.frames.length;
  const clip = readClipPoses(input);
  const train = trainingCount(F);
  const usable = Array.from({ length: train }, (_, f) => f).filter((f) => input.track.frames[f]!.present);
  const reference = referenceFrame(clip, usable);
  const photometric = new PhotometricPose(input, clip, reference);
  const refined: PicturePose[] = [];
  for (let f = 0; f < F; f++) {
    refined.push(photometric.refine(f));
    await control.tick({ stage: 'pose', done: f + 1, total: 2 * F });
  }
  let done = F;
  const torso = await new TorsoTracker(input, clip, reference).track(() =>
    control.tick({ stage: 'pose', done: done++, total: 2 * F }),
  );
  await control.tick({ stage: 'plates', done: 0, total: 1 });
  const plates = backgroundPlates(input);
  await control.tick({ stage: 'plates', done: 1, total: 1 });
  return {
    input,
    clip,
    train,
    usable,
    reference,
    plates,
    torsoCentre: torso.centre,
    lag: coefficientLag(input, clip, usable),
    poses: smoothPoses(refined, reference, train),
    torso: torso.motions,
  };
}

/** The training frame nearest to the mean pose, with eyes open and mouth shut. */
function referenceFrame(clip: ClipPoses, usable: readonly number[]): number {
  const rows = usable.map((f) => {
    const { R, s, x, y } = clip.poses[f]!;
    return [...rotationVector(R), Math.log(s), x, y];
  });
  const weight = [40, 40, 40, 40, 0.15, 0.15];
  const mean = weight.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
  const cost = usable.map((f, i) => {
    const p = clip.points[f]!;
    const gap = (a: number, b: number): number => (p[3 * b + 1]! - p[3 * a + 1]!) / clip.units.eyes;
    const mouth = Math.max(0, gap(13, 14));
    const lids = Math.max(0, 0.1 - Math.min(gap(159, 145), gap(386, 374)));
    return weight.reduce((sum, w, k) => sum + ((rows[i]![k]! - mean[k]!) * w) ** 2, 0) + 2000 * (mouth ** 2 + lids ** 2);
  });
  return usable[cost.indexOf(Math.min(...cost))]!;
}

/** Savitzky-Golay over rotation (relative to the reference), log scale and place. */
function smoothPoses(poses: readonly PicturePose[], reference: number, train: number): PicturePose[] {
  const zero = poses[reference]!.R;
  const back = transpose(zero);
  const rows = poses.map(({ R, s, x, y }) => [...rotationVector(multiply(R, back)), Math.log(s), x, y]);
  return smoothApart(rows, train, SMOOTH).map((row) => ({
    R: multiply(rotationFrom(row[0]!, row[1]!, row[2]!), zero),
    s: Math.exp(row[3]!),
    x: row[4]!,
    y: row[5]!,
  }));
}

/** What a render request would have to say to get frame f: named coefficients, pose, torso. */
export function driveAt({ input, clip, poses, torso, lag }: Scene, f: number): Required<Drive> {
  return {
    coefficients: input.track.frames[Math.min(input.frames.length - 1, f + lag)]!.coefficients,
    pose: headPoseFrom(poses[f]!, clip.units),
    torso: torsoPoseOf(torso[f]!, clip.units.side),
  };
}
