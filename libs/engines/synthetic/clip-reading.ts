import type { RgbFrame } from '#kernel';
import { type SyntheticClip, toRgbFrame } from './clip.ts';

/** What a detector and a landmark net see in one picture. */
export interface FaceReading {
  readonly faces: number;
  /** Detector score of the best face, 0..1. */
  readonly score: number;
  /** 478 × x, y, z of the best face; absent without a face. */
  readonly points?: Float32Array;
}
/** Injected, so that this room does not depend on the nets that judge it. */
export type FaceReader = (frame: RgbFrame) => Promise<FaceReading>;

/** How well a clip is read, decided over the whole clip. Correlations are Pearson's r with the exact truth. */
export interface ClipReading {
  readonly frames: number;
  /** Share of frames with exactly one face. */
  readonly oneFace: number;
  readonly lowestScore: number;
  readonly lipGap: number;
  readonly lidGap: number;
  readonly yaw: number;
  readonly pitch: number;
}

/** Reads every `every`-th frame and compares it with the truth. */
export async function readClip(clip: SyntheticClip, read: FaceReader, every = 1): Promise<ClipReading> {
  const truth: number[][] = [[], [], [], []];
  const seen: number[][] = [[], [], [], []];
  let frames = 0;
  let one = 0;
  let lowestScore = 1;
  for (let i = 0; i < clip.frameCount; i += every) {
    const frame = clip.frameAt(i);
    const reading = await read(toRgbFrame(frame, clip.size));
    frames++;
    if (reading.faces === 1) one++;
    lowestScore = Math.min(lowestScore, reading.faces > 0 ? reading.score : 0);
    if (!reading.points) continue;
    const { lipGap, lidGap, pose } = frame.truth;
    [lipGap, lidGap, pose.yaw, pose.pitch].forEach((v, k) => truth[k].push(v));
    measuresOf(reading.points).forEach((v, k) => seen[k].push(v));
  }
  const [lipGap, lidGap, yaw, pitch] = truth.map((values, k) => correlation(values, seen[k]));
  return { frames, oneFace: one / frames, lowestScore, lipGap, lidGap, yaw, pitch };
}

/** Lip gap and lid gap over the distance of the outer eye corners, and two angles, straight from the points. */
function measuresOf(p: Float32Array): readonly [lipGap: number, lidGap: number, yaw: number, pitch: number] {
  const apart = (i: number, j: number): number => Math.hypot(p[3 * i] - p[3 * j], p[3 * i + 1] - p[3 * j + 1]);
  const eyes = Math.hypot(apart(33, 263), p[3 * 33 + 2] - p[3 * 263 + 2]);
  const lids = apart(159, 145) + apart(158, 153) + apart(386, 374) + apart(385, 380);
  const yaw = Math.atan2(p[3 * 33 + 2] - p[3 * 263 + 2], p[3 * 263] - p[3 * 33]);
  const middle = (k: number): number => (p[3 * 33 + k] + p[3 * 263 + k]) / 2;
  // From between the eyes to the base of the nose: expression hardly moves either.
  const pitch = Math.atan2(middle(2) - p[3 * 2 + 2], p[3 * 2 + 1] - middle(1));
  return [apart(13, 14) / eyes, lids / eyes, yaw, pitch];
}

/** Pearson's r. */
export function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}
