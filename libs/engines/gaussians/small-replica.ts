import { COEFFICIENTS } from '#face';
import { beyond, BLOCK_COLUMNS, type DriveColumn, POSE_COLUMNS, TORSO_COLUMNS } from './drive-rig.ts';
import { ENGINE_VERSION, type Replica } from './replica.ts';
import { ATTRIBUTES, AT, BLOCK_NAMES, type SplatBlock } from './splat-layout.ts';

/** A replica of nobody with two splats per block: for tests of formats and controls. */
export function smallReplica(size = 32): Replica {
  const perBlock = 2;
  const count = perBlock * BLOCK_NAMES.length;
  const base = new Float32Array(count * ATTRIBUTES);
  for (let i = 0; i < count; i++) {
    const o = i * ATTRIBUTES;
    base.set([3 * (i >> 1), 9 - i, -18], o);
    base.set([1, 0.5, 0], o + AT.logScale);
    base.set([Math.cos(0.3), 0, Math.sin(0.3), 0], o + AT.quaternion);
    base[o + AT.opacity] = 1;
    base.set([0.8, 0.5, 0.1 * i], o + AT.colour);
  }
  const blocks = BLOCK_NAMES.map((name, b): SplatBlock => {
    const columns = [...BLOCK_COLUMNS[name], ...(name === 'mouth' ? [beyond('jawOpen')] : [])];
    const delta = Float32Array.from({ length: columns.length * perBlock * ATTRIBUTES }, (_, i) =>
      i % ATTRIBUTES < 3 ? ((i % 7) - 3) / 4 : 0,
    );
    return { name, first: perBlock * b, count: perBlock, columns, delta };
  });
  const names = [...COEFFICIENTS, ...POSE_COLUMNS, ...TORSO_COLUMNS];
  const columns = names.map((name, k): DriveColumn => {
    const coefficient = k < COEFFICIENTS.length;
    return {
      name,
      mean: 0,
      scale: 0.25,
      less: [],
      lo: coefficient ? 0 : -0.5,
      hi: 0.5,
      floor: 0,
      ceiling: 1,
      seenLo: coefficient ? 0 : -0.4,
      seenHi: 0.4,
    };
  });
  return {
    manifest: {
      engine: ENGINE_VERSION,
      seed: 1,
      size,
      splats: count,
      bases: Object.fromEntries(blocks.map((block) => [block.name, block.columns.length])),
      iterations: 0,
      trainingFrames: 0,
      ranges: columns.map(({ name, seenLo: lo, seenHi: hi }) => ({ name, lo, hi })),
      head: '',
      models: {},
    },
    model: { count, base, headShare: new Float32Array(count).fill(1), blocks },
    rig: {
      units: { eyes: 45, side: size },
      reference: { R: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), s: 0.3, x: size / 2, y: size / 2 },
      torsoCentre: [size / 2, size],
      torsoRule: [0, 0, 0, 1].map((constant) => Float64Array.of(constant, 0, 0, 0, 0, 0, 0)),
      columns,
    },
    bindings: {
      triangle: new Uint16Array(count).fill(7),
      barycentric: new Float32Array(2 * count).fill(0.25),
      height: new Float32Array(count).fill(1.5),
    },
    plate: new Uint8Array(3 * size * size).fill(90),
  };
}
