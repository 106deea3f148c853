import { calibrate } from './calibrate.ts';
import { DriveSmoother } from './drive-smoother.ts';
import { headModel } from './head-model.ts';
import { headPoseOf } from './head-pose.ts';
import { blendCoefficients } from './regressor.ts';
import { HeadSolver } from './solver.ts';
import type { HeadFit, Subject } from './subject.ts';
import type { HeadPose } from './track.ts';

/** Landmarks of one frame, or nothing where no face was found. */
export interface LandmarkFrame {
  readonly time: number;
  /** 478 × x, y, z in pixels of the square crop. */
  readonly points: Float32Array | null;
}

export interface ReadFrame {
  readonly coefficients: Float32Array;
  readonly pose: HeadPose;
  /** Metres; large where the landmarks are no face. */
  readonly residual: number;
}

/** Frames taken for calibration: spread, plus the known neutral ones. */
const SPREAD_FRAMES = 32;
const NEUTRAL_FRAMES = 8;

export interface ReadOptions {
  /** Side of the square crop in pixels. */
  readonly size: number;
  readonly fps: number;
  /** The first seconds are known to show a neutral face. */
  readonly neutralSeconds?: number;
}

/** Reads coefficients frame by frame for one person: what training does with a whole clip and a live drive with a camera. */
export class FaceReader {
  private readonly solver: HeadSolver;
  private readonly smoother: DriveSmoother;
  private last?: HeadFit;

  constructor(
    readonly subject: Subject,
    private readonly size: number,
    fps: number,
    private readonly model = headModel(),
  ) {
    this.solver = new HeadSolver(model);
    this.smoother = new DriveSmoother(fps);
  }

  /** 0.7 ms. */
  next(points: Float32Array): ReadFrame {
    const fit = this.solver.solve(this.subject, points, this.last);
    this.last = fit;
    const raw = blendCoefficients(this.model, this.subject, fit, points);
    return {
      ...this.smoother.next(raw, headPoseOf(this.subject, fit.pose, this.size)),
      residual: fit.residual,
    };
  }

  /** The face was lost: the next frame starts from nothing. */
  forget(): void {
    delete this.last;
  }
}

/** Learns the person of a clip from frames spread over it (neutral ones first). @throws CalibrationError */
export function learnSubject(frames: readonly LandmarkFrame[], { size, neutralSeconds = 0 }: ReadOptions): Subject {
  const present = frames.filter((frame) => frame.points !== null);
  const start = present[0]?.time ?? 0;
  const calm = spreadOver(present.filter((frame) => frame.time < start + neutralSeconds), NEUTRAL_FRAMES); // prettier-ignore
  const rest = spreadOver(present.filter((frame) => frame.time >= start + neutralSeconds), SPREAD_FRAMES); // prettier-ignore
  return calibrate(headModel(), {
    frames: [...calm, ...rest].map((frame) => frame.points!),
    width: size,
    height: size,
    neutral: calm.length,
  });
}

function spreadOver<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, k) => items[Math.floor(((k + 0.5) * items.length) / count)]!);
}

/**
 * Coefficients and pose of every frame of a clip; frames without a face repeat the last good one (the first good one before it).
 * @throws CalibrationError when there is next to no face.
 */
export function readClip(frames: readonly LandmarkFrame[], options: ReadOptions): { frames: ReadFrame[]; subject: Subject } {
  const subject = learnSubject(frames, options);
  const reader = new FaceReader(subject, options.size, options.fps);
  const read: (ReadFrame | undefined)[] = [];
  let last: ReadFrame | undefined;
  for (const { points } of frames) {
    if (points) last = reader.next(points);
    else reader.forget();
    read.push(last);
  }
  const first = read.find((frame) => frame !== undefined)!;
  return { frames: read.map((frame) => frame ?? first), subject };
}
