import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeAdder, addChangeReference } from './add-change.ts';
import { ChipLayout } from './chip-layout.ts';
import { codewordOf } from './mark-code.ts';
import { amplitudeFor, changeOf } from './residual.ts';
import { createVideoMarker } from './video-marker.ts';

const KEY = new Uint8Array(32).fill(5);
const ID = '8f2a6c01d45e9b73';

describe('the kernel', () => {
  it('adds as the reference does, for every length, saturating at 0 and 255', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.integer({ min: 0, max: 1e6 }), (picture, seed) => {
        const change = Int8Array.from(picture, (_, i) => ((seed + 37 * i) % 255) - 127);
        const expected = picture.slice();
        addChangeReference(expected, change);
        const got = picture.slice();
        new ChangeAdder(change).add(got);
        expect(got).toEqual(expected);
      }),
    );
  });

  it('adds to one picture after the other with the same memory', () => {
    const change = Int8Array.from({ length: 48 }, (_, i) => (i % 7) - 3);
    const adder = new ChangeAdder(change);
    for (const level of [0, 1, 128, 254, 255]) {
      const got = new Uint8Array(48).fill(level);
      const expected = got.slice();
      adder.add(got);
      addChangeReference(expected, change);
      expect(got).toEqual(expected);
    }
  });
});

describe('what marking changes', () => {
  it('is grey: the same in red, green and blue', () => {
    const change = changeOf(new ChipLayout(KEY), codewordOf(ID), 64, 48, 2);
    for (let p = 0; p < change.length; p += 3) expect(new Set(change.subarray(p, p + 3)).size).toBe(1);
  });

  it('neither brightens nor darkens a picture, and costs the decibels that are promised', () => {
    for (const [side, strength, least, most] of [
      [256, 'master', 43.5, 44.5],
      [256, 'live', 40.9, 41.9],
      [512, 'master', 49.5, 50.5],
      [512, 'live', 47, 48.2],
    ] as const) {
      const change = changeOf(new ChipLayout(KEY), codewordOf(ID), side, side, amplitudeFor(side, side, strength));
      const mean = change.reduce((sum, v) => sum + v, 0) / change.length;
      const power = change.reduce((sum, v) => sum + v * v, 0) / change.length;
      expect(Math.abs(mean)).toBeLessThan(0.06);
      const psnr = 10 * Math.log10(255 ** 2 / power);
      expect(psnr, `${side} ${strength}`).toBeGreaterThan(least);
      expect(psnr, `${side} ${strength}`).toBeLessThan(most);
    }
  });

  it('is refused for a picture of another size', () => {
    const marker = createVideoMarker({ key: KEY, id: ID, width: 16, height: 16 });
    expect(() => marker.mark(new Uint8Array(16 * 15 * 3))).toThrow(RangeError);
  });
});
