import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fft } from './fft.ts';

function slowTransform(re: Float64Array, im: Float64Array): { re: number[]; im: number[] } {
  const n = re.length;
  const out = { re: Array<number>(n).fill(0), im: Array<number>(n).fill(0) };
  for (let k = 0; k < n; k++)
    for (let t = 0; t < n; t++) {
      const angle = (-2 * Math.PI * k * t) / n;
      out.re[k]! += re[t]! * Math.cos(angle) - im[t]! * Math.sin(angle);
      out.im[k]! += re[t]! * Math.sin(angle) + im[t]! * Math.cos(angle);
    }
  return out;
}

const wave = fc.float64Array({ minLength: 32, maxLength: 32, min: -100, max: 100, noNaN: true });

describe('the Fourier transform', () => {
  it('is the sum that defines it', () => {
    fc.assert(
      fc.property(wave, wave, (re, im) => {
        const expected = slowTransform(re, im);
        new Fft(32).run(re, im, 0, false);
        for (let k = 0; k < 32; k++) {
          expect(re[k]).toBeCloseTo(expected.re[k]!, 8);
          expect(im[k]).toBeCloseTo(expected.im[k]!, 8);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('of a plane comes back, times its size', () => {
    const fft = new Fft(64);
    const re = Float64Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i * i));
    const im = Float64Array.from({ length: 64 * 64 }, (_, i) => Math.cos(3 * i));
    const [r, i] = [re.slice(), im.slice()];
    fft.plane(re, im, false);
    fft.plane(re, im, true);
    for (let k = 0; k < re.length; k += 17) {
      expect(re[k]! / 4096).toBeCloseTo(r[k]!, 9);
      expect(im[k]! / 4096).toBeCloseTo(i[k]!, 9);
    }
  });
});
