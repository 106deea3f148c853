import { seededRandom } from '#face';
import { describe, expect, it } from 'vitest';
import { rasteriseReference, type ReferenceScene } from './rasterise-reference.ts';
import { ALL_ROWS, SplatHead } from './splat-head.ts';
import { ATTRIBUTES, AT, BONES, type SplatBlock, type SplatModel } from './splat-layout.ts';

const SIDE = 64;

/** Two blocks of splats in front of two bones that differ; depths far enough apart that no sort can disagree. */
function scene(seed: number, splats: number, cut = true): ReferenceScene {
  const random = seededRandom(seed);
  const around = (middle: number, spread: number): number => middle + spread * (2 * random() - 1);
  const base = new Float32Array(splats * ATTRIBUTES);
  const headShare = new Float32Array(splats);
  for (let i = 0; i < splats; i++) {
    const o = i * ATTRIBUTES;
    base.set([around(0, 24), around(0, 24), 3 * i], o);
    base.set([around(1, 0.7), around(1, 0.7), around(0.5, 0.7)], o + AT.logScale);
    base.set([around(0, 1), around(0, 1), around(0, 1), around(0, 1)], o + AT.quaternion);
    base[o + AT.opacity] = around(0, 2);
    base.set([random(), random(), random()], o + AT.colour);
    base[o + AT.bone] = around(0, 1);
    headShare[i] = i % 3 === 0 ? -1 : i % 3 === 1 ? 1 : 0.3;
  }
  const half = splats >> 1;
  const block = (name: SplatBlock['name'], first: number, count: number, columns: string[]): SplatBlock => {
    const delta = Float32Array.from({ length: columns.length * count * ATTRIBUTES }, () => around(0, 0.1));
    return { name, first, count, columns, delta };
  };
  const model: SplatModel = { count: splats, base, headShare, blocks: [block('mouth', 0, half, ['a', 'b', 'c']), block('head', half, splats - half, ['a', 'd'])] }; // prettier-ignore
  const bones = new Float32Array(BONES);
  bones.set([0.99, 0.08, 0.05, -0.08, 0.98, 0.1, -0.04, -0.1, 0.99, 31, 33]);
  bones.set([1.02, -0.05, 0, 0.05, 1.02, 0, 0, 0, 1, 33, 30], 12);
  const weights = [Float32Array.of(0.4, -0.7, 1.1), Float32Array.of(0.4, -0.3)];
  const bytes = (): Uint8Array => Uint8Array.from({ length: 3 * SIDE * SIDE }, () => Math.floor(256 * random()));
  return { model, posture: { weights, bones }, side: SIDE, rows: ALL_ROWS, plate: bytes(), target: bytes(), cut };
}

function byKernel(of: ReferenceScene): { picture: Uint8Array; loss: number; base: Float32Array; delta: Float32Array } {
  const head = new SplatHead(of.model, SIDE, true);
  head.setPlate(of.plate);
  head.setTarget(of.target, of.rows);
  head.draw(of.posture, of.rows);
  // Before `learn`: the way back unwinds the transmittance in place.
  const picture = head.picture();
  const loss = head.residual(of.rows);
  head.learn(of.rows);
  return { picture, loss, ...head.gradients() };
}

const length = (v: ArrayLike<number>): number => Math.sqrt(Array.from(v).reduce((sum, x) => sum + x * x, 0));
const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number => length(Array.from(a, (v, i) => v - b[i]!));

describe('the plain rasteriser', () => {
  it('agrees with finite differences of its own loss, base and deltas', () => {
    const of = scene(5, 12, false);
    const { base, delta } = rasteriseReference(of);
    const loss = (): number => rasteriseReference(of).loss / 2;
    const difference = (values: Float32Array, i: number): number => {
      const [kept, h] = [values[i]!, 2e-3];
      values[i] = kept + h;
      const [up, above] = [loss(), values[i]];
      values[i] = kept - h;
      const slope = (up - loss()) / (above - values[i]);
      values[i] = kept;
      return slope;
    };
    const check = (values: Float32Array, analytic: Float64Array, indices: number[]): void => {
      const numeric = indices.map((i) => difference(values, i));
      const wanted = indices.map((i) => analytic[i]!);
      expect(apart(numeric, wanted) / length(wanted)).toBeLessThan(2e-3);
    };
    // Every attribute of four splats; the bone's effect on the covariance is left out on purpose, so not attribute 14.
    const some = [0, 4, 7, 11].flatMap((s) => Array.from({ length: 14 }, (_, a) => s * ATTRIBUTES + a));
    check(of.model.base, base, some);
    // The first block's deltas: 3 columns × 6 splats.
    check(of.model.blocks[0]!.delta, delta, [0, 5, 10, 12, 100, 107, 111, 200, 203, 280]);
  }, 60_000);

  it('moves a splat between its two bones along the gradient of the share', () => {
    const of = scene(8, 9, false);
    of.model.headShare.fill(-1);
    // Bones that only shift: then nothing is left out.
    of.posture.bones.set([1, 0, 0, 0, 1, 0, 0, 0, 1, 31, 33], 0);
    of.posture.bones.set([1, 0, 0, 0, 1, 0, 0, 0, 1, 35, 28], 12);
    const { base } = rasteriseReference(of);
    const at = 2 * ATTRIBUTES + AT.bone;
    const values = of.model.base;
    const kept = values[at]!;
    values[at] = kept + 0.01;
    const up = rasteriseReference(of).loss / 2;
    values[at] = kept - 0.01;
    const slope = (up - rasteriseReference(of).loss / 2) / 0.02;
    expect(base[at]).toBeCloseTo(slope, 3);
  });
});

describe('the kernels against the plain rasteriser at 64²', () => {
  for (const [name, rows] of [
    ['all rows', ALL_ROWS],
    ['every third row', { step: 3, phase: 1 }],
  ] as const) {
    it(`draw the same picture and find the same gradients, ${name}`, () => {
      const of = { ...scene(11, 60), rows };
      const plain = rasteriseReference(of);
      const { picture, loss, base, delta } = byKernel(of);
      let worst = 0;
      for (let y = rows.phase; y < SIDE; y += rows.step) {
        for (let i = 3 * y * SIDE; i < 3 * (y + 1) * SIDE; i++) worst = Math.max(worst, Math.abs(picture[i]! - 255 * Math.max(0, Math.min(1, plain.picture[i]!))));
      } // prettier-ignore
      // Half a byte of rounding, and a pixel on the rim of an ellipse may fall on either side.
      expect(worst).toBeLessThan(1.6);
      expect(loss / plain.loss).toBeCloseTo(1, 3);
      expect(apart(base, plain.base) / length(plain.base)).toBeLessThan(5e-3);
      expect(apart(delta, plain.delta) / length(plain.delta)).toBeLessThan(5e-3);
    });
  }

  it('find a wrong sign in any gradient', () => {
    const of = scene(11, 60);
    const plain = rasteriseReference(of);
    const { base } = byKernel(of);
    for (let attribute = 0; attribute < 14; attribute++) {
      const flipped = plain.base.map((v, i) => (i % ATTRIBUTES === attribute ? -v : v));
      const own = (v: ArrayLike<number>): number[] => Array.from(v).filter((_, i) => i % ATTRIBUTES === attribute);
      expect(apart(own(base), own(flipped)) / length(own(flipped))).toBeGreaterThan(0.5);
    }
  });

  it('draw the same bits every time', () => {
    const of = scene(3, 60);
    expect(byKernel(of)).toEqual(byKernel(of));
  });

  it('learn: the loss falls to less than half in 60 steps', () => {
    const of = scene(21, 60);
    of.target.set(rasteriseReference(scene(22, 60)).picture.map((v) => Math.min(255, 255 * v)));
    const head = new SplatHead(of.model, SIDE, true);
    head.setPlate(of.plate);
    head.setTarget(of.target, ALL_ROWS);
    const losses = Array.from({ length: 60 }, () => {
      head.draw(of.posture);
      const loss = head.residual(ALL_ROWS);
      head.learn(ALL_ROWS);
      head.step(1);
      return loss;
    });
    expect(losses.at(-1)! / losses[0]!).toBeLessThan(0.5);
  });

  it('leave bases that no picture shows where they were, and pull the others back', () => {
    const of = scene(21, 40);
    of.posture.weights[0]!.set([0.5, 0, 0]);
    const head = new SplatHead(of.model, SIDE, true);
    head.setPlate(of.plate);
    head.setTarget(of.target, ALL_ROWS);
    for (let i = 0; i < 5; i++) {
      head.draw(of.posture);
      head.residual(ALL_ROWS);
      head.learn(ALL_ROWS);
      head.step(1);
    }
    const column = (model: SplatModel, k: number): Float32Array =>
      model.blocks[0]!.delta.slice(k * 20 * ATTRIBUTES, (k + 1) * 20 * ATTRIBUTES);
    const learned = head.model();
    expect(column(learned, 1)).toEqual(column(of.model, 1));
    const moved = apart(column(learned, 0), column(of.model, 0));
    expect(moved).toBeGreaterThan(0);
    // Nothing to explain any more: the gradients' memory fades, and the bases go home.
    for (let i = 0; i < 600; i++) head.step(1);
    expect(apart(column(head.model(), 0), column(of.model, 0))).toBeLessThan(0.5 * moved);
  });

  it('leave a splat whose numbers are no numbers undrawn', () => {
    const of = scene(3, 8);
    of.model.base[0] = NaN;
    const { picture, loss } = byKernel(of);
    expect(Number.isFinite(loss)).toBe(true);
    expect(picture.length).toBe(3 * SIDE * SIDE);
  });
});
