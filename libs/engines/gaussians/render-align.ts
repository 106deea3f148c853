import { FaceOutline, boxAround, within } from './face-outline.ts';
import { matteAt } from './fit-input.ts';
import type { FitControl, FitProgress } from './fit-progress.ts';
import { solveLinear } from './linear-solve.ts';
import { blurred, lumaOf } from './luma.ts';
import { multiply, type PicturePose, rotationFrom, type TorsoMotion } from './picture-pose.ts';
import type { Scene } from './scene.ts';
import { smoothApart } from './smoothing.ts';
import type { Posture, SplatHead } from './splat-head.ts';

const EVERY = 2;
const SMOOTH = 2;
/** Pull towards no motion: turn and scale, place. */
const PRIOR = [1e5, 1e5, 50, 50];
/** Grey levels² at which a residual counts half. */
const ROBUST = 300;

/**
 * Render, then align: every 2nd frame is drawn with the model as it is, and head and shoulders each take one Gauss-Newton step of a
 * similarity (4 numbers) towards the real picture. The render has the frame's own expression, so the estimate is less biased than one
 * against a fixed picture: +0.4 dB held out. On held-out frames too: it is tracking, by the model, of pose only. 10 ms per frame drawn.
 */
export async function alignToRender(
  scene: Scene,
  head: SplatHead,
  postureAt: (f: number) => Posture,
  control: FitControl,
  progress: FitProgress,
): Promise<void> {
  const F = scene.input.frames.length;
  // The last training frame is always one of them: nothing is interpolated across the split.
  const ends = new Set([scene.train - 1, scene.train, F - 1]);
  const frames = Array.from({ length: F }, (_, f) => f).filter((f) => f % EVERY === 0 || ends.has(f));
  const steps: [Float64Array[], Float64Array[]] = [[], []];
  const picture = new Uint8Array(3 * scene.input.size ** 2);
  for (const f of frames) {
    head.draw(postureAt(f));
    head.setPlate(scene.plates.of(f));
    const [forHead, forTorso] = stepsTowards(scene, f, head.picture(picture));
    steps[0].push(forHead);
    steps[1].push(forTorso);
    await control.tick(progress);
  }
  const [heads, torsos] = steps.map((rows) => smoothApart(spread(rows, frames, F), scene.train, SMOOTH)) as [
    Float64Array[],
    Float64Array[],
  ];
  scene.poses = scene.poses.map((pose, f) => moveHead(pose, heads[f]!));
  scene.torso = scene.torso.map((motion, f) => moveTorso(motion, torsos[f]!));
}

/** Rows between the aligned frames, by straight lines. */
function spread(rows: readonly Float64Array[], frames: readonly number[], F: number): Float64Array[] {
  const out: Float64Array[] = [];
  for (let f = 0, i = 0; f < F; f++) {
    while (i < frames.length - 2 && frames[i + 1]! <= f) i++;
    const u = (f - frames[i]!) / (frames[i + 1]! - frames[i]!);
    out.push(rows[i]!.map((v, k) => v * (1 - u) + rows[i + 1]![k]! * u));
  }
  return out;
}

/** One step for the head and one for the shoulders: scale − 1, turn, x, y about each one's centre. */
function stepsTowards(scene: Scene, f: number, drawn: Uint8Array): [Float64Array, Float64Array] {
  const { input, clip } = scene;
  const side = input.size;
  const a = blurred(lumaOf(drawn), side, 1);
  const b = blurred(lumaOf(input.frames[f]!), side, 1);
  const matte = matteAt(input, f);
  const region = new Regions(clip.points[f]!);
  const pose = scene.poses[f]!;
  const torso = scene.torso[f]!;
  const centres = [[pose.x, pose.y], [scene.torsoCentre[0] + torso.x, scene.torsoCentre[1] + torso.y]] as const; // prettier-ignore
  const H = [new Float64Array(16), new Float64Array(16)];
  const g = [new Float64Array(4), new Float64Array(4)];
  for (let x = 3; x < side - 3; x++) {
    const jaw = region.outline.jawAt(x + 0.5);
    for (let y = 3; y < side - 3; y++) {
      const i = y * side + x;
      if (matte[i]! < 20 && matte[i - 2]! < 20 && matte[i + 2]! < 20) continue;
      const part = region.of(x, y, jaw);
      if (part === undefined) continue;
      const dx = (a[i + 1]! - a[i - 1]! + b[i + 1]! - b[i - 1]!) / 4;
      const dy = (a[i + side]! - a[i - side]! + b[i + side]! - b[i - side]!) / 4;
      if (dx * dx + dy * dy < 4) continue;
      const e = a[i]! - b[i]!;
      const w = 1 / (1 + (e * e) / ROBUST);
      const X = x + 0.5 - centres[part]![0];
      const Y = y + 0.5 - centres[part]![1];
      const J = [X * dx + Y * dy, -Y * dx + X * dy, dx, dy];
      for (let m = 0; m < 4; m++) {
        g[part]![m] = g[part]![m]! + w * J[m]! * e;
        for (let k = 0; k < 4; k++) H[part]![4 * m + k] = H[part]![4 * m + k]! + w * J[m]! * J[k]!;
      }
    }
  }
  return [0, 1].map((part) => {
    PRIOR.forEach((v, k) => (H[part]![5 * k] = H[part]![5 * k]! + v));
    return solveLinear(H[part]!, g[part]!, 4);
  }) as [Float64Array, Float64Array];
}

/** Which pixels speak for which bone: no mouth, no eyes, no neck. */
class Regions {
  readonly outline: FaceOutline;
  private readonly mouth;
  private readonly eyes;

  constructor(points: ArrayLike<number>) {
    this.outline = new FaceOutline(points);
    this.mouth = boxAround(points, [61, 291, 0, 17], 6, 6);
    this.eyes = boxAround(points, [105, 334, 145, 374, 46, 276], 3, 4);
  }

  /** 0 head, 1 torso, nothing for neither. */
  of(x: number, y: number, jaw: number): 0 | 1 | undefined {
    if (y > jaw + 10) return 1;
    return y >= jaw - 3 || within(this.mouth, x, y) || within(this.eyes, x, y) ? undefined : 0;
  }
}

function moveHead({ R, s, x, y }: PicturePose, step: ArrayLike<number>): PicturePose {
  const turn = Math.atan2(step[1]!, 1 + step[0]!);
  return {
    R: multiply(rotationFrom(0, 0, turn), R),
    s: s * Math.hypot(1 + step[0]!, step[1]!),
    x: x + step[2]!,
    y: y + step[3]!,
  };
}

function moveTorso({ a, b, x, y }: TorsoMotion, step: ArrayLike<number>): TorsoMotion {
  const c = 1 + step[0]!;
  const n = step[1]!;
  return { a: c * a - n * b, b: n * a + c * b, x: x + step[2]!, y: y + step[3]! };
}
