import { COEFFICIENTS, coefficientIndex, type Drive, seededRandom } from '#face';
import { BLOCK_COLUMNS, postureOf, type Rig } from './drive-rig.ts';
import { type FitInput, requireUsable } from './fit-input.ts';
import { FitControl, type FitProgress } from './fit-progress.ts';
import { asHalf } from './half-float.ts';
import { type Binding, HeadMesh, UNBOUND } from './head-mesh.ts';
import { learnRig } from './learn-rig.ts';
import { alignToRender } from './render-align.ts';
import { ENGINE_VERSION, type Replica, type SplatBindings } from './replica.ts';
import { driveAt, prepareScene, type Scene } from './scene.ts';
import { ATTRIBUTES, AT, BLOCK_NAMES, type SplatBlock, type SplatModel } from './splat-layout.ts';
import { SplatHead } from './splat-head.ts';
import { type Seed, seedSplats } from './splat-seeding.ts';

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
export const DEFAULT_FIT: FitOptions = { seed: 1, splats: 6000, iterations: 9000, alignAt: [0.3, 0.6], rowStep: 8, batch: 2 };

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
  const ordered = BLOCK_NAMES.flatMap((block) => seeds.filter((seed) => seed.block === block));
  const bindings = ordered.map((seed) => (seed.block === 'torso' || seed.interior ? NOWHERE : mesh.bind(...seed.position)));
  const head = new SplatHead(initialModel(ordered, bindings, mesh, rig, driveAt(scene, reference), rigid), input.size, true);
  const learner = new Learner(scene, head, options, random);
  await learner.run(rig, control);
  const replica = assemble(scene, options, rig, head.model(), bindings, mesh);
  const drives = input.frames.map((_, f) => driveAt(scene, f));
  return { replica, drives, heldOutFrom: scene.train, scene };
}

const NOWHERE: Binding = { triangle: UNBOUND, u: 0, v: 0, height: 0 };

/** Seeds in block order as splats; coefficient columns start with the head asset's own motion, so that a name means what it says. */
function initialModel(
  seeds: readonly Seed[],
  bindings: readonly Binding[],
  mesh: HeadMesh,
  rig: Rig,
  drive: Required<Drive>,
  rigid: boolean,
): SplatModel {
  const count = seeds.length;
  const base = new Float32Array(count * ATTRIBUTES);
  const headShare = new Float32Array(count);
  seeds.forEach((seed, i) => {
    const o = i * ATTRIBUTES;
    base.set(seed.position, o + AT.position);
    base.set(seed.logScale, o + AT.logScale);
    base.set(seed.quaternion, o + AT.quaternion);
    base[o + AT.opacity] = seed.opacity;
    base.set(seed.colour, o + AT.colour);
    headShare[i] = seed.headShare < 0.99 ? -1 : seed.headShare;
    base[o + AT.bone] = Math.log((seed.headShare + 0.03) / (1.03 - seed.headShare));
  });
  let first = 0;
  const blocks = BLOCK_NAMES.map((name): SplatBlock => {
    const size = seeds.filter((seed) => seed.block === name).length;
    const columns = rigid ? [] : BLOCK_COLUMNS[name];
    const block = { name, first, count: size, columns, delta: new Float32Array(columns.length * size * ATTRIBUTES) };
    first += size;
    return block;
  });
  const fields = new Map(COEFFICIENTS.map((name) => [name as string, coefficientIndex(name)]));
  const values = postureValues(rig, drive);
  for (const block of blocks) {
    block.columns.forEach((name, k) => {
      const coefficient = fields.get(name);
      if (coefficient === undefined || block.name === 'torso') return;
      const column = rig.columns.find((c) => c.name === name)!;
      const field = mesh.unitDisplacement(coefficient);
      for (let i = 0; i < block.count; i++) {
        const move = mesh.at(field, bindings[block.first + i]!);
        const o = (k * block.count + i) * ATTRIBUTES;
        const b = (block.first + i) * ATTRIBUTES;
        for (let c = 0; c < 3; c++) {
          block.delta[o + c] = 2 * column.scale * move[c]!;
          // The seed shows the reference frame, the base is what is left when every column is at its mean.
          base[b + c] = base[b + c]! - block.delta[o + c]! * values.get(name)!;
        }
      }
    });
  }
  return { count, base, headShare, blocks };
}

function postureValues(rig: Rig, drive: Required<Drive>): Map<string, number> {
  const names = rig.columns.map(({ name }) => name);
  const { posture } = postureOf(rig, [{ columns: names }], drive);
  return new Map(names.map((name, k) => [name, posture.weights[0]![k]!]));
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
