import { type ChipLayout, PLANE, SYNC } from './chip-layout.ts';
import { type Geometry, affineOf } from './geometry.ts';
import { CODE_BITS } from './mark-code.ts';
import type { SumMap } from './sum-map.ts';

const HALF = PLANE / 2;
type Visit = (chip: number, value: number, weight: number) => void;

/** Reads the chips of one layout from a whitened map, at a given geometry. */
export class ChipReader {
  constructor(
    private readonly map: SumMap,
    private readonly layout: ChipLayout,
  ) {}

  /** Normal deviate of the synchronisation chips: N(0, 1) on unmarked material. */
  syncScore(geometry: Geometry): number {
    let sum = 0;
    let energy = 0;
    this.#visit(geometry, true, (_, value) => {
      sum += value;
      energy += value * value;
    });
    return energy > 0 ? sum / Math.sqrt(energy) : 0;
  }

  /** Log-likelihood ratios of the code bits. */
  softBits(geometry: Geometry): Float64Array {
    const soft = new Float64Array(CODE_BITS);
    const weights = new Float64Array(CODE_BITS);
    let sync = 0;
    this.#visit(geometry, false, (chip, value, weight) => {
      const bit = this.layout.bit[chip]!;
      if (bit === SYNC) {
        sync += value;
      } else {
        soft[bit] = soft[bit]! + value;
        weights[bit] = weights[bit]! + weight;
      }
    });
    let total = 0;
    let spread = 0;
    for (let k = 0; k < CODE_BITS; k++) {
      total += weights[k]!;
      spread += soft[k]! ** 2 / (weights[k]! || 1);
    }
    const perWeight = spread / CODE_BITS;
    const amplitude = Math.max(sync / (total * (164 / CODE_BITS) || 1), 0.02);
    const noise = Math.max(perWeight - (amplitude * amplitude * total) / CODE_BITS, 0.05 * perWeight) || 1;
    return soft.map((value) => (2 * amplitude * value) / noise);
  }

  /** Zero-bit test with a known codeword: 6 dB more sensitive than reading it blind; N(0, 1) without the mark. */
  informedScore(geometry: Geometry, code: Int8Array): number {
    let sum = 0;
    let energy = 0;
    this.#visit(geometry, false, (chip, value) => {
      const bit = this.layout.bit[chip]!;
      sum += bit === SYNC ? value : code[bit]! * value;
      energy += value * value;
    });
    return energy > 0 ? sum / Math.sqrt(energy) : 0;
  }

  /** Hill-climbs shift, scale, rotation and aspect on the synchronisation score. */
  refine(start: Geometry, rounds = 3): { geometry: Geometry; z: number } {
    let geometry = start;
    let z = this.syncScore(geometry);
    const step = { dx: 0.25, dy: 0.25, scale: 0.006, rotation: 0.003, aspect: 0.003 };
    const names = ['dx', 'dy', 'scale', 'rotation', 'aspect'] as const;
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0, better = true; better && turn < 6; turn++) {
        better = false;
        for (const name of names) {
          for (const size of [step[name], -step[name]]) {
            const relative = name === 'scale' || name === 'aspect';
            const trial = { ...geometry, [name]: relative ? geometry[name] * (1 + size) : geometry[name] + size };
            const score = this.syncScore(trial);
            if (score <= z + 0.02) continue;
            geometry = trial;
            z = score;
            better = true;
          }
        }
      }
      for (const name of names) step[name] /= 2;
    }
    return { geometry, z };
  }

  /** Every chip that the picture shows: its value times its sign, and how much the map trusts that place. */
  #visit(g: Geometry, syncOnly: boolean, visit: Visit): void {
    const { width, height, sum, weight } = this.map;
    const { a, b, c, d, kx, ky } = affineOf(g, this.map.side);
    // A chip is three map pixels or less: two points across say as much as three.
    const points = kx > 2.6 ? [-1 / 3, 0, 1 / 3] : [-0.25, 0.25];
    const count = points.length ** 2;
    const reachX = Math.ceil((width / kx / 2) * 1.2) + 1;
    const reachY = Math.ceil((height / ky / 2) * 1.2) + 1;
    const lastX = Math.min(PLANE - 1, Math.ceil(HALF - g.dx + reachX));
    const lastY = Math.min(PLANE - 1, Math.ceil(HALF - g.dy + reachY));
    for (let row = Math.max(0, Math.floor(HALF - g.dy - reachY)); row <= lastY; row++) {
      for (let column = Math.max(0, Math.floor(HALF - g.dx - reachX)); column <= lastX; column++) {
        const chip = row * PLANE + column;
        if (syncOnly && this.layout.bit[chip] !== SYNC) continue;
        let value = 0;
        let trust = 0;
        let seen = 0;
        for (const oy of points) {
          const v = row + 0.5 - HALF + g.dy + oy;
          for (const ox of points) {
            const u = column + 0.5 - HALF + g.dx + ox;
            const x = (width - 1) / 2 + a * u + b * v;
            const y = (height - 1) / 2 + c * u + d * v;
            if (x < 0 || y < 0 || x >= width - 1 || y >= height - 1) continue;
            const x0 = Math.floor(x);
            const y0 = Math.floor(y);
            const at = y0 * width + x0;
            const top = sum[at]! + (sum[at + 1]! - sum[at]!) * (x - x0);
            const bottom = sum[at + width]! + (sum[at + width + 1]! - sum[at + width]!) * (x - x0);
            value += top + (bottom - top) * (y - y0);
            trust += weight[at]!;
            seen++;
          }
        }
        if (seen > 0) visit(chip, (value * this.layout.sign[chip]!) / count, trust / count);
      }
    }
  }
}
