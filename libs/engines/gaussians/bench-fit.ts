import type { BenchFigure } from '#kernel';
import { evaluateReplica } from './evaluate.ts';
import { evaluationSheet } from './evaluation-sheet.ts';
import type { FitInput } from './fit-input.ts';
import type { FitProgress } from './fit-progress.ts';
import { DEFAULT_FIT, type FitOptions, fitReplica } from './fit-replica.ts';
import { rasteriseReference } from './rasterise-reference.ts';
import { createRenderer } from './renderer.ts';
import { ALL_ROWS, SplatHead } from './splat-head.ts';
import { postureOf } from './drive-rig.ts';

const cpuMs = async (work: () => void | Promise<void>): Promise<number> => {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};

/** Splats and pixels of the plain rasteriser's part: it takes about a second per picture at this size. */
const PLAIN = { splats: 500, side: 64 } as const;

export interface FitBench {
  readonly figures: BenchFigure[];
  /** PNG: held-out frames, their reconstruction, sweeps. */
  readonly sheet: Uint8Array;
}

/**
 * Measures the engine on tracked footage in memory: figures and a picture for the eye come back, the replica does not (DESIGN rule 20).
 * @throws like fitReplica.
 */
export async function benchFit(
  input: FitInput,
  options: Partial<FitOptions> = {},
  onProgress?: (progress: FitProgress) => void,
  signal?: AbortSignal,
): Promise<FitBench> {
  const chosen = { ...DEFAULT_FIT, ...options };
  let fit!: Awaited<ReturnType<typeof fitReplica>>;
  const total = await cpuMs(async () => {
    fit = await fitReplica(input, chosen, onProgress, signal);
  });
  const { psnr, floors, frames } = await evaluateReplica(fit, onProgress, signal);
  const renderer = createRenderer(fit.replica);
  const render =
    (await cpuMs(() => fit.drives.slice(0, 60).forEach((drive) => renderer.render(drive)))) / Math.min(60, fit.drives.length);
  const { kernel, plain } = await compareIteration(fit);
  const round = (v: number, digits = 2): number => Number(v.toFixed(digits));
  return {
    figures: [
      { name: 'fit-cpu-seconds', value: round(total / 1000, 1), unit: 's' },
      { name: 'fit-iteration-cpu-ms', value: round(fit.iterationCpuMs), unit: 'CPU-ms' },
      {
        name: `iteration-${PLAIN.side}-${PLAIN.splats}-all-rows-cpu-ms`,
        value: round(kernel, 3),
        unit: 'CPU-ms',
        peer: { name: 'plain TypeScript reference', value: round(plain, 1) },
      },
      { name: 'psnr-full', value: round(psnr.full), unit: 'dB', peer: { name: 'rigid floor', value: round(floors.rigid.full) } },
      {
        name: 'psnr-head',
        value: round(psnr.head),
        unit: 'dB',
        goal: '>= rigid + 2 and >= nearest + 4',
        ok: psnr.head >= floors.rigid.head + 2 && psnr.head >= floors.nearest.head + 4,
        peer: { name: 'rigid floor', value: round(floors.rigid.head) },
      },
      { name: 'psnr-full-over-nearest', value: round(psnr.full - floors.nearest.full), unit: 'dB' },
      {
        name: 'psnr-head-over-nearest',
        value: round(psnr.head - floors.nearest.head),
        unit: 'dB',
        goal: '>= 4',
        ok: psnr.head >= floors.nearest.head + 4,
      },
      { name: 'held-out-frames', value: frames, unit: 'frames' },
      { name: 'render-fps', value: round(1000 / render, 1), unit: 'frames/CPU-s' },
    ],
    sheet: evaluationSheet(fit),
  };
}

/** One iteration with all rows, by kernels and by the plain reference, on the same splats and picture. */
async function compareIteration({
  replica,
  drives,
}: Awaited<ReturnType<typeof fitReplica>>): Promise<{ kernel: number; plain: number }> {
  const { side } = PLAIN;
  const whole = replica.model;
  const count = Math.min(PLAIN.splats, whole.count);
  const model = { count, base: whole.base.slice(0, 16 * count), headShare: whole.headShare.slice(0, count), blocks: [] };
  const { posture } = postureOf(replica.rig, [], drives[0]!);
  // The mouth's splats in a small picture around it.
  const bones = posture.bones.map((v, k) => (k % 12 === 9 ? side / 2 : k % 12 === 10 ? side / 4 : v / 4));
  const small = { weights: [], bones };
  const plate = new Uint8Array(3 * side * side).fill(128);
  const head = new SplatHead(model, side, true);
  head.setPlate(plate);
  head.setTarget(plate, ALL_ROWS);
  const once = (): void => {
    head.draw(small);
    head.residual(ALL_ROWS);
    head.learn(ALL_ROWS);
    head.step(0);
  };
  once();
  const kernel = (await cpuMs(() => { for (let i = 0; i < 50; i++) once(); })) / 50; // prettier-ignore
  const plain = await cpuMs(() => {
    rasteriseReference({ model, posture: small, side, rows: ALL_ROWS, plate, target: plate });
  });
  return { kernel, plain };
}
