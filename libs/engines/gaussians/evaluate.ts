import { columnValue, columnValues, weightIn } from './drive-rig.ts';
import { FitControl, type FitProgress } from './fit-progress.ts';
import { DEFAULT_FIT, type FitResult, fitScene } from './fit-replica.ts';
import { headRegion, meanPsnr, type Psnr, psnrOf } from './head-region.ts';
import { createRenderer } from './renderer.ts';
import { driveAt, type Scene } from './scene.ts';
import type { Replica } from './replica.ts';

/** How well a replica shows what it never saw, beside what one gets without one. All PSNR in dB, mean over held-out frames. */
export interface Evaluation {
  readonly psnr: Psnr;
  readonly floors: {
    /** The same splats and poses without any expression. */
    readonly rigid: Psnr;
    /** The training picture whose drive is nearest. */
    readonly nearest: Psnr;
  };
  /** Held-out frames scored: all that show the face. */
  readonly frames: number;
  readonly splats: number;
  readonly iterations: number;
}

/** On one clip 0.15 dB (full) and 0.13 dB (head) below what four times as many give: the margins above it are that much too kind. */
const RIGID_ITERATIONS = 2000;

/** Scores the held-out part: every frame is driven only by named coefficients, pose and torso, through the renderer that ships. */
export async function evaluateReplica(
  { replica, scene }: Pick<FitResult, 'replica' | 'scene'>,
  onProgress?: (progress: FitProgress) => void,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const control = new FitControl(onProgress, signal);
  const held = heldOutFrames(scene);
  const total = 2 * held.length + RIGID_ITERATIONS;
  const regions = held.map((f) => headRegion(scene.input, f));
  const score = async (of: Replica, from: number): Promise<Psnr> => {
    const renderer = createRenderer(of);
    const values: Psnr[] = [];
    for (const [i, f] of held.entries()) {
      values.push(psnrOf(renderer.render(driveAt(scene, f)).picture, scene.input.frames[f]!, regions[i]!));
      await control.tick({ stage: 'evaluate', done: from + i + 1, total });
    }
    return meanPsnr(values);
  };
  const psnr = await score(replica, 0);
  const { seed } = replica.manifest;
  const inner = new FitControl(({ done }) => onProgress?.({ stage: 'evaluate', done: held.length + done, total }), signal);
  const options = { ...DEFAULT_FIT, seed, splats: replica.manifest.splats, iterations: RIGID_ITERATIONS, alignAt: [], batch: 2 };
  const { replica: rigid } = await fitScene(scene, options, inner, true);
  const floors = {
    rigid: await score(rigid, held.length + RIGID_ITERATIONS),
    nearest: nearestFloor(scene, replica, held, regions),
  };
  return { psnr, floors, frames: held.length, splats: replica.manifest.splats, iterations: replica.manifest.iterations };
}

export function heldOutFrames({ input, train }: Scene): number[] {
  const out: number[] = [];
  for (let f = train; f < input.frames.length; f++) if (input.track.frames[f]!.present) out.push(f);
  return out;
}

function nearestFloor(scene: Scene, { rig }: Replica, held: readonly number[], regions: readonly Uint8Array[]): Psnr {
  const row = (f: number): number[] => {
    const drive = driveAt(scene, f);
    const values = columnValues(rig, drive, drive.torso);
    return rig.columns.map((column) => weightIn(column, columnValue(column, values)));
  };
  const known = scene.usable.map((f) => ({ f, row: row(f) }));
  return meanPsnr(
    held.map((f, i) => {
      const wanted = row(f);
      let best = Infinity;
      let nearest = known[0]!.f;
      for (const candidate of known) {
        const d = candidate.row.reduce((sum, v, k) => sum + (v - wanted[k]!) ** 2, 0);
        if (d < best) [best, nearest] = [d, candidate.f];
      }
      return psnrOf(scene.input.frames[nearest]!, scene.input.frames[f]!, regions[i]!);
    }),
  );
}
