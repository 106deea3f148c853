import { ATTRIBUTES, AT, type SplatModel } from './splat-layout.ts';
import { SplatMemory } from './splat-memory.ts';

/** Rows y = phase, phase + step, … of the picture. */
export interface Rows {
  readonly step: number;
  readonly phase: number;
}
export const ALL_ROWS: Rows = { step: 1, phase: 0 };

/** What one picture needs: a weight per column of every block, and the two bones. */
export interface Posture {
  readonly weights: readonly Float32Array[];
  /** 24 floats, see `BONES`. */
  readonly bones: Float32Array;
}

/** Learning rates per iteration: pixels, log units, and so on. Research values; deltas learn at a quarter. */
const RATES = { position: 0.2, logScale: 0.01, quaternion: 0.005, opacity: 0.05, colour: 0.01, bone: 0.05 } as const;
const DELTA_SHARE = 0.25;
/** Share of the way back to where they started that deltas go per step: what the footage does not determine stays the head asset's motion. */
const HOMING = 0.004;

/** Splats in WASM memory: draws postures and, where made for training, learns from residuals. */
export class SplatHead {
  private readonly memory: SplatMemory;
  private drawn = 0;
  private steps = 0;
  /** Splat-pixels of the last drawing. */
  pixels = 0;

  constructor(
    model: SplatModel,
    readonly side: number,
    training = false,
  ) {
    this.memory = new SplatMemory(model, side, training);
  }

  draw({ weights, bones }: Posture, { step, phase }: Rows = ALL_ROWS): void {
    const { memory, side } = this;
    const { at, splats, stride, model } = memory;
    memory.blocks.forEach(({ first, count, K, delta, w }, k) => {
      memory.floats(w, K).set(weights[k]!);
      const offset = 4 * ATTRIBUTES * first;
      splats.blend(at.cur + offset, at.base + offset, delta, w, count * ATTRIBUTES, K);
    });
    memory.floats(at.bones, bones.length).set(bones);
    this.drawn = splats.project(at.cur, at.share, at.bones, at.rec, at.depth, at.order, model.count, side);
    splats.sortByDepth(at.order, at.sorted, at.depth, at.keys, at.histogram, this.drawn);
    this.pixels = memory.pixels.forward(at.rec, at.sorted, this.drawn, side, step, phase, at.T, at.R, at.G, at.B, stride);
  }

  /** Background, interleaved rgb. */
  setPlate(rgb: Uint8Array): void {
    this.writePlanar(this.memory.at.plate, rgb, ALL_ROWS);
  }

  /** The picture to be explained, interleaved rgb; only the rows that are drawn are needed. */
  setTarget(rgb: Uint8Array, rows: Rows): void {
    this.writePlanar(this.memory.at.target, rgb, rows);
  }

  private writePlanar(at: number, rgb: Uint8Array, { step, phase }: Rows): void {
    const { side } = this;
    const area = side * side;
    const out = this.memory.bytes(at, 3 * area);
    for (let y = phase; y < side; y += step) {
      for (let i = y * side; i < (y + 1) * side; i++) {
        out[i] = rgb[3 * i]!;
        out[i + area] = rgb[3 * i + 1]!;
        out[i + 2 * area] = rgb[3 * i + 2]!;
      }
    }
  }

  /** Residual of the drawn rows against the target: Σ r² (colours 0..1). Must come before `learn`. */
  residual({ step, phase }: Rows): number {
    const { at, pixels, stride } = this.memory;
    return pixels.residual(
      at.T,
      at.R,
      at.G,
      at.B,
      at.DR,
      at.DG,
      at.DB,
      at.S,
      at.plate,
      at.target,
      this.side,
      step,
      phase,
      stride,
    );
  }

  /** Adds the gradient of ½ Σ r² of the last drawing. */
  learn({ step, phase }: Rows): void {
    const { memory } = this;
    const { at, splats, stride, model } = memory;
    memory.pixels.backward(
      at.rec,
      at.sorted,
      this.drawn,
      this.side,
      step,
      phase,
      at.T,
      at.DR,
      at.DG,
      at.DB,
      at.S,
      at.grad,
      stride,
    );
    splats.unproject(at.cur, at.share, at.bones, at.rec, at.grad, at.gCur, model.count);
    for (const { first, count, K, delta, w } of memory.blocks) {
      const offset = 4 * ATTRIBUTES * first;
      splats.accumulate(at.gBase + offset, at.gDelta + (delta - at.delta), at.gCur + offset, w, count * ATTRIBUTES, K);
    }
  }

  /** One Adam step on the gradients added since the last; `decay` scales every learning rate. */
  step(decay: number): void {
    const { memory } = this;
    const { at, splats, model, deltas } = memory;
    this.steps++;
    const rates = memory.floats(at.rates, ATTRIBUTES);
    rates.fill(RATES.position * decay, AT.position, 3);
    rates.fill(RATES.logScale * decay, AT.logScale, 6);
    rates.fill(RATES.quaternion * decay, AT.quaternion, 10);
    rates[AT.opacity] = RATES.opacity * decay;
    rates.fill(RATES.colour * decay, AT.colour, 14);
    rates[AT.bone] = RATES.bone * decay;
    const deltaRates = memory.floats(at.deltaRates, ATTRIBUTES);
    deltaRates.set(rates.map((rate) => rate * DELTA_SHARE));
    deltaRates[AT.bone] = 0;
    const i1 = 1 / (1 - 0.9 ** this.steps);
    const i2 = 1 / (1 - 0.99 ** this.steps);
    splats.adam(at.base, at.gBase, at.mBase, at.vBase, at.rates, model.count * ATTRIBUTES, i1, i2, at.base, 0);
    if (deltas > 0)
      splats.adam(at.delta, at.gDelta, at.mDelta, at.vDelta, at.deltaRates, deltas, i1, i2, at.startDelta, HOMING * decay);
  }

  /** Gradients added so far: base, then every block's deltas. For the tests against the reference. */
  gradients(): { base: Float32Array; delta: Float32Array } {
    const { at, model, deltas } = this.memory;
    return {
      base: this.memory.floats(at.gBase, model.count * ATTRIBUTES).slice(),
      delta: this.memory.floats(at.gDelta, deltas).slice(),
    };
  }

  /** The last drawing over the plate: interleaved rgb bytes. */
  picture(out = new Uint8Array(3 * this.side * this.side)): Uint8Array {
    const { memory, side } = this;
    const [T, R, G, B] = (['T', 'R', 'G', 'B'] as const).map((name) => memory.plane(name)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const area = side * side;
    const plate = memory.bytes(memory.at.plate, 3 * area);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const i = y * side + x;
        const o = y * memory.stride + x;
        out[3 * i] = toByte(255 * R[o]! + T[o]! * plate[i]!);
        out[3 * i + 1] = toByte(255 * G[o]! + T[o]! * plate[i + area]!);
        out[3 * i + 2] = toByte(255 * B[o]! + T[o]! * plate[i + 2 * area]!);
      }
    }
    return out;
  }

  /** Share of the background per pixel, 0..1. */
  transmittance(): Float32Array {
    const { memory, side } = this;
    const T = memory.plane('T');
    const out = new Float32Array(side * side);
    for (let y = 0; y < side; y++) out.set(T.subarray(y * memory.stride, y * memory.stride + side), y * side);
    return out;
  }

  /** The parameters as they are now. */
  model(): SplatModel {
    return this.memory.save();
  }
}

const toByte = (v: number): number => (v <= 0 ? 0 : v >= 255 ? 255 : (v + 0.5) | 0);
