import type { Backdrop } from './look.ts';
import { fractalNoise3, noise3, randomStream } from './random.ts';
import { clamp, colour, lerp, mix, scale, type Vec3 } from './vector.ts';

/** The room behind the person is drawn this small, blurred and enlarged: out of focus. */
const SMALL = 96;

type Block = readonly [x: number, y: number, width: number, height: number, colour: Vec3];

/** Linear RGB of a square backdrop. */
export function paintBackdrop(design: Backdrop, side: number, seed: number): Float32Array {
  const wall = colour(design.colour);
  const blocks = blocksOf(design, wall, randomStream((design.seed ?? seed) + 31));
  let small = new Float32Array(SMALL * SMALL * 3);
  for (let y = 0; y < SMALL; y++) {
    for (let x = 0; x < SMALL; x++) {
      const across = design.flip ? 1 - x / SMALL : x / SMALL;
      let c = scale(wall, 1.12 - 0.42 * across - 0.1 * (y / SMALL) + 0.12 * (fractalNoise3(x * 0.1, y * 0.1, 0, 7, 3) - 0.5));
      for (const [x0, y0, w, h, paint] of blocks) {
        if (x >= x0 && x < x0 + w && y >= y0 && y < y0 + h) c = scale(paint, 0.9 + 0.2 * noise3(x, 3, 0, 1));
      }
      small.set(c, (y * SMALL + x) * 3);
    }
  }
  for (let pass = 0; pass < 4; pass++) small = blurred(small);
  return enlarge(small, side);
}

const SPINES = ['#6b3f30', '#38505f', '#7a6a45', '#46583f', '#8c8478', '#513a52'].map(colour);
const LEAVES = ['#3f5a38', '#56714a', '#2f4a33'].map(colour);

function blocksOf({ kind }: Backdrop, wall: Vec3, random: () => number): Block[] {
  const blocks: Block[] = [];
  switch (kind) {
    case 'plain':
      break;
    case 'shelf':
      for (let row = 0; row < 3; row++) {
        const y = 14 + row * 27;
        blocks.push([0, y, SMALL, 2.5, mix(wall, [0.12, 0.07, 0.04], 0.75)]);
        for (let x = random() * 6; x < SMALL;) {
          const w = 2 + random() * 4;
          const h = 8 + random() * 12;
          if (random() > 0.25) blocks.push([x, y - h, w, h, mix(SPINES[Math.floor(random() * 6)], wall, 0.5)]);
          x += w + (random() > 0.8 ? 8 * random() : 0.4);
        }
      }
      break;
    case 'window': {
      const bright: Vec3 = [0, 1, 2].map((k) => Math.min(0.95, wall[k] * 1.7 + 0.14)) as unknown as Vec3;
      blocks.push([60, 6, 24, 52, bright], [71, 6, 1.5, 52, scale(wall, 0.9)]);
      break;
    }
    case 'plant':
      for (let q = 0; q < 26; q++) {
        blocks.push([4 + random() * 24, 30 + random() * 60, 2 + random() * 7, 2 + random() * 9, mix(LEAVES[q % 3], wall, 0.35)]);
      }
  }
  return blocks;
}

function blurred(from: Float32Array): Float32Array<ArrayBuffer> {
  const to = new Float32Array(from.length);
  for (let y = 0; y < SMALL; y++) {
    for (let x = 0; x < SMALL; x++) {
      for (let k = 0; k < 3; k++) {
        let sum = 0;
        for (let j = -1; j < 2; j++) {
          for (let i = -1; i < 2; i++) sum += from[(clamp(y + j, 0, SMALL - 1) * SMALL + clamp(x + i, 0, SMALL - 1)) * 3 + k];
        }
        to[(y * SMALL + x) * 3 + k] = sum / 9;
      }
    }
  }
  return to;
}

function enlarge(small: Float32Array, side: number): Float32Array {
  const out = new Float32Array(side * side * 3);
  const at = (x: number, y: number, k: number): number => small[(y * SMALL + x) * 3 + k];
  for (let y = 0; y < side; y++) {
    const v = (y / side) * (SMALL - 1);
    const j = Math.floor(v);
    for (let x = 0; x < side; x++) {
      const u = (x / side) * (SMALL - 1);
      const i = Math.floor(u);
      for (let k = 0; k < 3; k++) {
        const top = lerp(at(i, j, k), at(i + 1, j, k), u - i);
        out[(y * side + x) * 3 + k] = lerp(top, lerp(at(i, j + 1, k), at(i + 1, j + 1, k), u - i), v - j) * 0.85;
      }
    }
  }
  return out;
}
