import { COEFFICIENTS, coefficientIndex, type Drive } from '#face';
import { beyond, BLOCK_COLUMNS, postureOf, type Rig } from './drive-rig.ts';
import { type Binding, type HeadMesh, UNBOUND } from './head-mesh.ts';
import { ATTRIBUTES, AT, BLOCK_NAMES, type SplatBlock, type SplatModel } from './splat-layout.ts';
import type { Seed } from './splat-seeding.ts';

const NOWHERE: Binding = { triangle: UNBOUND, u: 0, v: 0, height: 0 };
const CARRIED: ReadonlySet<string> = new Set(COEFFICIENTS);

export interface Start {
  readonly model: SplatModel;
  readonly bindings: readonly Binding[];
}

/**
 * Seeds as splats, block after block. Coefficient columns start with the head asset's own motion of the triangle that a splat is bound
 * to, so that a name means what it says even where the footage never showed it alone; training corrects from there.
 */
export function startModel(seeds: readonly Seed[], mesh: HeadMesh, rig: Rig, shown: Required<Drive>, rigid: boolean): Start {
  const ordered = BLOCK_NAMES.flatMap((block) => seeds.filter((seed) => seed.block === block));
  const bindings = ordered.map((seed) => (seed.block === 'torso' || seed.interior ? NOWHERE : mesh.bind(...seed.position)));
  const model = emptyModel(ordered, rigid);
  const columns = rig.columns.map(({ name }) => name);
  const at = postureOf(rig, [{ columns }], shown).posture.weights[0]!;
  const weights = new Map(columns.map((name, k) => [name, at[k]!]));
  const fields = new Map<string, Float32Array>();
  for (const block of model.blocks) {
    if (block.name === 'torso') continue;
    block.columns.forEach((name, k) => {
      if (!CARRIED.has(name)) return;
      const { scale } = rig.columns.find((column) => column.name === name)!;
      let field = fields.get(name);
      if (!field) fields.set(name, (field = mesh.unitDisplacement(coefficientIndex(name))));
      for (let i = 0; i < block.count; i++) {
        const move = mesh.at(field, bindings[block.first + i]!);
        const o = (k * block.count + i) * ATTRIBUTES;
        const b = (block.first + i) * ATTRIBUTES;
        for (let c = 0; c < 3; c++) {
          block.delta[o + c] = 2 * scale * move[c]!;
          // The seed shows the reference frame; the base is what is left when every column is at its mean.
          model.base[b + c] = model.base[b + c]! - block.delta[o + c]! * weights.get(name)!;
        }
      }
    });
  }
  return { model, bindings };
}

function emptyModel(seeds: readonly Seed[], rigid: boolean): SplatModel {
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
    // Around the neck the share is learned: +0.4 dB held out in the research ablation.
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
  return { count, base, headShare, blocks };
}

/** Adds the columns that carry coefficients beyond the footage: the motion that `start` had before anything was learned. */
export function withReach(learned: SplatModel, start: SplatModel): SplatModel {
  const blocks = learned.blocks.map((block, b): SplatBlock => {
    if (block.name === 'torso') return block;
    const size = block.count * ATTRIBUTES;
    const carried = block.columns.map((name, k) => ({ name, k })).filter(({ name }) => CARRIED.has(name));
    const delta = new Float32Array(block.delta.length + carried.length * size);
    delta.set(block.delta);
    carried.forEach(({ k }, n) =>
      delta.set(start.blocks[b]!.delta.subarray(k * size, (k + 1) * size), block.delta.length + n * size),
    );
    return { ...block, columns: [...block.columns, ...carried.map(({ name }) => beyond(name))], delta };
  });
  return { ...learned, blocks };
}
