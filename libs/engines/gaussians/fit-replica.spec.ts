import { createHash } from 'node:crypto';
import { coefficientIndex, type CoefficientName, type Drive } from '#face';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateReplica } from './evaluate.ts';
import { evaluationSheet } from './evaluation-sheet.ts';
import type { FitInput } from './fit-input.ts';
import type { FitProgress } from './fit-progress.ts';
import { fitReplica, type FitResult } from './fit-replica.ts';
import { UnusableFootageError } from './gaussians.errors.ts';
import { puppetClip } from './puppet-clip.ts';
import { createRenderer } from './renderer.ts';
import { decodeReplica, encodeReplica } from './replica-codec.ts';

const QUICK = { seed: 7, splats: 1500, iterations: 120, alignAt: [0.5] };
const digest = ({ replica }: FitResult): string => createHash('sha256').update(encodeReplica(replica)).digest('hex');

let clip: FitInput;
let fit: FitResult;
let quick: FitResult;
beforeAll(async () => {
  clip = puppetClip(80);
  fit = await fitReplica(clip, { seed: 7, splats: 2500, iterations: 1800, alignAt: [], batch: 2 });
  quick = await fitReplica(clip, QUICK);
}, 240_000);

/** The neutral frame with some coefficients set. */
function picture(values: Partial<Record<CoefficientName, number>>, of = fit): Uint8Array {
  const neutral = of.drives[of.scene.reference]!;
  const coefficients = new Float32Array(52);
  for (const [name, value] of Object.entries(values)) coefficients[coefficientIndex(name)] = value;
  return createRenderer(of.replica).render({ ...neutral, coefficients }).picture;
}
/** Sum over a box around landmarks of how much a colour is there. */
function amount(of: Uint8Array, landmarks: readonly number[], share: (r: number, g: number, b: number) => number): number {
  const points = fit.scene.clip.points[fit.scene.reference]!;
  const xs = landmarks.map((i) => points[3 * i]!);
  const ys = landmarks.map((i) => points[3 * i + 1]!);
  let sum = 0;
  for (let y = Math.floor(Math.min(...ys)) - 4; y <= Math.max(...ys) + 4; y++) {
    for (let x = Math.floor(Math.min(...xs)) - 2; x <= Math.max(...xs) + 2; x++) {
      const o = 3 * (256 * y + x);
      sum += share(of[o]!, of[o + 1]!, of[o + 2]!);
    }
  }
  return sum;
}
const MOUTH = [61, 291, 0, 17];
const EYES = [33, 133, 159, 145, 263, 362, 386, 374];
const dark = (r: number): number => Math.max(0, 110 - r);
const white = (r: number, g: number, b: number): number => Math.max(0, Math.min(r, g, b) - 160);
const rising = (values: readonly number[]): boolean => values.every((v, i) => i === 0 || v > values[i - 1]!);

describe('a fitted replica', () => {
  it('beats the rigid head by 2 dB and the nearest training picture by 4 dB on frames it never saw', async () => {
    const { psnr, floors, frames } = await evaluateReplica(fit);
    expect(frames).toBe(12);
    expect(psnr.head).toBeGreaterThan(floors.rigid.head + 2);
    expect(psnr.head).toBeGreaterThan(floors.nearest.head + 4);
    expect(psnr.full).toBeGreaterThan(floors.rigid.full);
  }, 120_000);

  it('parts the lips with jawOpen alone, more and more', () => {
    expect(rising([0, 0.15, 0.3, 0.45].map((jawOpen) => amount(picture({ jawOpen }), MOUTH, dark)))).toBe(true);
  });

  it('closes the eyes with eyeBlink alone, and each eye with its own', () => {
    const open = amount(picture({}), EYES, white);
    const shut = amount(picture({ eyeBlinkLeft: 1, eyeBlinkRight: 1 }), EYES, white);
    expect(shut).toBeLessThan(0.35 * open);
    const oneEye = picture({ eyeBlinkLeft: 1 });
    const [subjectsRight, subjectsLeft] = [EYES.slice(0, 4), EYES.slice(4)];
    expect(amount(oneEye, subjectsRight, white)).toBeCloseTo(amount(picture({}), subjectsRight, white), 6);
    expect(amount(oneEye, subjectsLeft, white)).toBeLessThan(0.5 * amount(picture({}), subjectsLeft, white));
  });

  it('smiles with the mouth shut', () => {
    const smile = picture({ mouthSmileLeft: 0.7, mouthSmileRight: 0.7 });
    expect(amount(smile, MOUTH, dark)).toBeLessThan(0.5 * amount(picture({ jawOpen: 0.45 }), MOUTH, dark));
    // The lips grow wider: red lies further from the middle.
    const [x0, x1, y] = [61, 291, 13].map((i) => fit.scene.clip.points[fit.scene.reference]!.slice(3 * i, 3 * i + 2)).map((p, k) => p[k < 2 ? 0 : 1]!) as [number, number, number]; // prettier-ignore
    const width = (of: Uint8Array): number => {
      let [sum, weight] = [0, 0];
      for (let py = Math.round(y) - 12; py <= y + 14; py++) {
        for (let px = Math.round(x0) - 10; px <= x1 + 10; px++) {
          const o = 3 * (256 * py + px);
          const red = Math.max(0, of[o]! - 1.6 * of[o + 1]!);
          sum += red * Math.abs(px - (x0 + x1) / 2);
          weight += red;
        }
      }
      return sum / weight;
    };
    expect(width(smile)).toBeGreaterThan(1.04 * width(picture({})));
  });

  it('flags and clamps what the footage never showed', () => {
    const renderer = createRenderer(fit.replica);
    const seen = fit.drives[20]!;
    expect(renderer.render(seen).outOfRange).toEqual([]);
    const coefficients = seen.coefficients.slice();
    coefficients[coefficientIndex('jawOpen')] = 1;
    coefficients[coefficientIndex('mouthPucker')] = 0.5;
    const beyond: Drive = { ...seen, coefficients, pose: { ...seen.pose, yaw: 0.6 } };
    expect(renderer.render(beyond).outOfRange).toEqual(['jawOpen', 'mouthPucker', 'yaw']);
    const most = renderer.render(beyond).picture.slice();
    coefficients[coefficientIndex('jawOpen')] = 50;
    expect(renderer.render({ ...beyond, coefficients }).picture).toEqual(most);
  });

  it('draws a frame without a torso given, and on another background', () => {
    const renderer = createRenderer(fit.replica);
    const { coefficients, pose } = fit.drives[10]!;
    expect(renderer.render({ coefficients, pose }).outOfRange).toEqual([]);
    renderer.setBackground(new Uint8Array(3 * 256 * 256).fill(255));
    expect(renderer.render({ coefficients, pose }).picture.slice(0, 3)).toEqual(Uint8Array.of(255, 255, 255));
    expect(() => renderer.setBackground(new Uint8Array(5))).toThrow(RangeError);
  });

  it('is the same after a trip through its container', () => {
    const back = decodeReplica(encodeReplica(fit.replica));
    const drive = fit.drives[30]!;
    expect(createRenderer(back).render(drive).picture).toEqual(createRenderer(fit.replica).render(drive).picture);
    expect(back.manifest.ranges.map(({ name }) => name)).toContain('jawOpen');
  });

  it('has a sheet that is a PNG', () => {
    const sheet = evaluationSheet(fit);
    expect([...sheet.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });
});

describe('a fit', () => {
  it('gives the same bytes for the same footage and seed, and others for another seed', async () => {
    const [again, other] = [await fitReplica(clip, QUICK), await fitReplica(clip, { ...QUICK, seed: 8 })];
    expect(digest(again)).toBe(digest(quick));
    expect(digest(other)).not.toBe(digest(quick));
  }, 120_000);

  it('learns nothing from held-out pictures: blackened, the replica stays the same, bit for bit', async () => {
    const { heldOutFrom } = fit;
    const frames = clip.frames.map((frame, f) => (f >= heldOutFrom ? new Uint8Array(frame.length) : frame));
    expect(digest(await fitReplica({ ...clip, frames }, QUICK))).toBe(digest(quick));
  }, 120_000);

  it('stops when asked, with the reason', async () => {
    const stop = new AbortController();
    const seen: FitProgress[] = [];
    const running = fitReplica(clip, { ...QUICK, iterations: 1_000_000 }, (p) => {
      seen.push(p);
      if (p.stage === 'fit') stop.abort(new Error('withdrawn'));
    }, stop.signal); // prettier-ignore
    await expect(running).rejects.toThrow('withdrawn');
    expect([...new Set(seen.map((p) => p.stage))]).toEqual(['pose', 'plates', 'fit']);
    expect(seen.filter((p) => p.stage === 'fit').length).toBe(1);
  }, 60_000);

  it('refuses footage that is none', async () => {
    const { frames, track } = clip;
    await expect(fitReplica({ ...clip, frames: frames.slice(0, 20) })).rejects.toThrow(UnusableFootageError);
    await expect(fitReplica({ ...clip, frames: frames.slice(1) })).rejects.toThrow('do not belong together');
    await expect(fitReplica({ ...clip, frames: frames.map(() => new Uint8Array(3)) })).rejects.toThrow(UnusableFootageError);
    const absent = { ...track, frames: track.frames.map((frame) => ({ ...frame, present: false })) };
    await expect(fitReplica({ ...clip, track: absent })).rejects.toThrow('show a face');
  });
});
