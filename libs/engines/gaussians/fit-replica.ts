import { type Drive, seededRandom } from '#face';
import { postureOf, type Rig } from './drive-rig.ts';
import { type FitInput, requireUsable } from './fit-input.ts';
import { FitControl, type FitProgress } from './fit-progress.ts';
import { asHalf } from './half-float.ts';
import { type Binding, HeadMesh } from './head-mesh.ts';
import { learnRig } from './learn-rig.ts';
import { alignToRender } from './render-align.ts';
import { ENGINE_VERSION, type Replica, type SplatBindings } from './replica.ts';
import { driveAt, prepareScene, type Scene } from './scene.ts';
import type { SplatModel } from './splat-layout.ts';
import { SplatHead } from './splat-head.ts';
import { startModel, withReach } from './splat-start.ts';
import { seedSplats } from './splat-seeding.ts';

export interface FitOptions {
  readonly seed: number;
  readonly splats: number;
  /** Frame-iterations. A count and not a time: the same input and seed give the same bytes on every machine. */
  readonly iterations: number;
  /** Shares of the iterations after which poses are aligned to the render; empty: never. */
  readonly alignAt: readonly number[];
  /** Every n-th row per iteration. */
  readonly rowStep: number;
  readonly batch: number;
}
/** 74 CPU-s for 750 frames at 256² on a busy machine, tracking of pose included (7.8 ms an iteration); batch 4 instead of 2 costs nothing in dB and a fifth less time. */
export const DEFAULT_FIT: FitOptions = { seed: 1, splats: 6000, iterations: 8000, alignAt: [0.3, 0.6], rowStep: 8, batch: 4 };

/** Splats behind the lips. */
const INTERIOR = 150;
/** Learning rates end at this share. */
const FINAL_RATE = 0.05;

export interface FitResult {
  readonly replica: Replica;
  /** What drives each frame of the footage, poses refined; a render of the subject's own performance takes these. */
  readonly drives: readonly Required<Drive>[];
  /** First frame that was held out. */
  readonly heldOutFrom: number;
  /** Mean CPU time of one frame-iteration; a figure only, nothing depends on it. */
  readonly iterationCpuMs: number;
  /** Tracked footage, for evaluation; holds the pictures and is no part of the replica. */
  readonly scene: Scene;
}

/**
 * Fits a splat head to tracked footage. Deterministic: the same input, options and seed give the same replica, bit for bit. Yields to the
 * event loop ten times a second. @throws UnusableFootageError; the signal's reason when aborted.
 */
export async function fitReplica(
  input: FitInput,
  options: Partial<FitOptions> = {},
  onProgress?: (progress: FitProgress) => void,
  signal?: AbortSignal,
): Promise<FitResult> {
  requireUsable(input);
  const chosen = { ...DEFAULT_FIT, ...options };
  const control = new FitControl(onProgress, signal);
  const scene = await prepareScene(input, control);
  return fitScene(scene, chosen, control);
}

/** The fit proper, on a tracked scene. `rigid`: without delta bases, the floor that a drivable head must beat. */
export async function fitScene(scene: Scene, options: FitOptions, control: FitControl, rigid = false): Promise<FitResult> {
  const random = seededRandom(options.seed);
  const { input, clip, reference } = scene;
  const mesh = new HeadMesh(input.track, clip);
  const seeds = seedSplats(
    input,
    clip,
    scene.poses[reference]!,
    reference,
    { splats: options.splats, interior: INTERIOR },
    random,
  );
  const base = { units: clip.units, reference: scene.poses[reference]!, torsoCentre: scene.torsoCentre };
  const rig = learnRig(scene.usable.map((f) => driveAt(scene, f)), base); // prettier-ignore
  const start = startModel(seeds, mesh, rig, driveAt(scene, reference), rigid);
  const head = new SplatHead(start.model, input.size, true);
  const learner = new Learner(scene, head, options, random);
  const before = process.cpuUsage();
  await learner.run(rig, control);
  const { user, system } = process.cpuUsage(before);
  const replica = assemble(scene, options, rig, withReach(head.model(), start.model), start.bindings, mesh);
  const drives = input.frames.map((_, f) => driveAt(scene, f));
  return { replica, drives, heldOutFrom: scene.train, iterationCpuMs: (user + system) / 1000 / options.iterations, scene };
}

/** The training loop. */
class Learner {
  constructor(
    private readonly scene: Scene,
    private readonly head: SplatHead,
    private readonly options: FitOptions,
    private readonly random: () => number,
  ) {}

  async run(rig: Rig, control: FitControl): Promise<void> {
    const { scene, head, options, random } = this;
    const { input, plates, usable } = scene;
    const blocks = head.model().blocks;
    const aligns = [...options.alignAt];
    let plate: Uint8Array | undefined;
    let squares = 0;
    let counted = 0;
    for (let done = 0; done < options.iterations;) {
      const progress = done / options.iterations;
      if (aligns.length > 0 && progress >= aligns[0]!) {
        aligns.shift();
        await alignToRender(scene, head, (f) => postureOf(rig, blocks, driveAt(scene, f)).posture, control, {
          stage: 'fit',
          done,
          total: options.iterations,
        });
        plate = undefined;
      }
      for (let b = 0; b < options.batch; b++, done++) {
        const f = usable[Math.floor(random() * usable.length)]!;
        const rows = { step: options.rowStep, phase: Math.floor(random() * options.rowStep) };
        head.draw(postureOf(rig, blocks, driveAt(scene, f)).posture, rows);
        const wanted = plates.of(f);
        if (wanted !== plate) head.setPlate((plate = wanted));
        head.setTarget(input.frames[f]!, rows);
        squares += head.residual(rows);
        counted += (3 * input.size ** 2) / options.rowStep;
        head.learn(rows);
      }
      head.step(FINAL_RATE ** progress);
      await control.tick({ stage: 'fit', done, total: options.iterations, psnr: -10 * Math.log10(squares / counted) });
      if (counted > 2e6) squares = counted = 0;
    }
  }
}

function assemble(
  scene: Scene,
  options: FitOptions,
  rig: Rig,
  model: SplatModel,
  bound: readonly Binding[],
  mesh: HeadMesh,
): Replica {
  const bindings: SplatBindings = {
    triangle: Uint16Array.from(bound, (b) => b.triangle),
    barycentric: Float32Array.from(bound.flatMap((b) => [b.u, b.v])),
    height: Float32Array.from(bound, (b) => b.height),
  };
  return {
    manifest: {
      engine: ENGINE_VERSION,
      seed: options.seed,
      size: scene.input.size,
      splats: model.count,
      bases: Object.fromEntries(model.blocks.map(({ name, columns }) => [name, columns.length])),
      iterations: options.iterations,
      trainingFrames: scene.usable.length,
      ranges: rig.columns.map(({ name, seenLo: lo, seenHi: hi }) => ({ name, lo, hi })),
      head: mesh.asset.sha256,
      models: scene.input.track.models,
    },
    // As the container stores them: what is evaluated is what is published.
    model: { ...model, blocks: model.blocks.map((block) => ({ ...block, delta: block.delta.map(asHalf) })) },
    rig,
    bindings,
    plate: scene.plates.of(scene.train - 1),
  };
}
