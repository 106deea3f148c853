import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropAndScale, displaySize, evenSide, orientationOf, pixelAspect, workingSize } from './video-geometry.ts';

const matrix = (a: number, b: number, c: number, d: number): string =>
  `\n00000000:  ${a * 65536} ${b * 65536} 0\n00000001:  ${c * 65536} ${d * 65536} 0\n00000002:  0 0 1073741824\n`;

describe('orientation', () => {
  it.each([
    [1, 0, 0, 1, 'upright'],
    [-1, 0, 0, 1, 'mirrored'],
    [1, 0, 0, -1, 'flipped'],
    [-1, 0, 0, -1, 'half-turn'],
    [0, 1, -1, 0, 'clockwise'],
    [0, -1, 1, 0, 'counter-clockwise'],
    [0, 1, 1, 0, 'transposed'],
    [0, -1, -1, 0, 'anti-transposed'],
  ] as const)('reads the matrix %d %d %d %d as %s', (a, b, c, d, name) => {
    expect(orientationOf(matrix(a, b, c, d))).toBe(name);
  });

  it('takes no matrix, and rubbish, as upright', () => {
    expect(orientationOf(undefined)).toBe('upright');
    expect(orientationOf('rotate me')).toBe('upright');
  });
});

describe('sizes', () => {
  it('stretches by the pixel aspect before the turn', () => {
    expect(displaySize({ width: 480, height: 360 }, 4 / 3, 'upright')).toEqual({ width: 640, height: 360 });
    expect(displaySize({ width: 480, height: 360 }, 4 / 3, 'clockwise')).toEqual({ width: 360, height: 640 });
  });

  it('takes an unknown or absurd aspect as square', () => {
    for (const text of [undefined, '0:1', '1:0', 'N/A', '1000:1']) expect(pixelAspect(text)).toBe(1);
  });

  it('only hands out even sides, within the limit (FT-07)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8000 }),
        fc.integer({ min: 2, max: 8000 }),
        fc.integer({ min: 2, max: 2000 }),
        (w, h, longest) => {
          const size = workingSize({ width: w, height: h }, longest);
          expect(size.width % 2).toBe(0);
          expect(size.height % 2).toBe(0);
          expect(Math.max(size.width, size.height)).toBeLessThanOrEqual(Math.max(evenSide(longest), 2));
        },
      ),
    );
  });
});

describe('crop filters', () => {
  const full = { width: 640, height: 360 };
  const scale = (w: number, h: number): string => `scale=${w}:${h}`;

  it('cuts nothing for the whole picture', () => {
    expect(cropAndScale(full, full, { x: 0, y: 0, ...full }, { width: 320, height: 180 }, scale)).toEqual([
      'scale=320:180',
      'format=rgb24',
    ]);
  });

  it('goes through full chroma when an edge is odd', () => {
    const steps = cropAndScale(full, full, { x: 11, y: 20, width: 100, height: 100 }, { width: 50, height: 50 }, scale);
    expect(steps.slice(0, 3)).toEqual(['crop=102:100:10:20', 'format=yuv444p', 'crop=100:100:1:0']);
  });

  it('never cuts outside the picture and always ends at the wanted size', () => {
    const side = fc.integer({ min: -200, max: 600 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 8, max: 900 }), (x, y, size) => {
        fc.pre(x + size > 4 && y + size > 4 && x < 636 && y < 356);
        const steps = cropAndScale(full, full, { x, y, width: size, height: size }, { width: 64, height: 64 }, scale);
        let [w, h] = [640, 360];
        for (const step of steps) {
          const numbers = step.split('=')[1]!.split(':').map(Number) as [number, number, number, number];
          if (step.startsWith('crop')) expect(numbers[0] + numbers[2] <= w && numbers[1] + numbers[3] <= h).toBe(true);
          if (step.startsWith('pad')) expect(w + numbers[2] <= numbers[0] && h + numbers[3] <= numbers[1]).toBe(true);
          if (/^(crop|scale|pad)/.test(step)) [w, h] = numbers;
        }
        expect([w, h]).toEqual([64, 64]);
      }),
    );
  });

  it('refuses a crop that shows nothing of the picture', () => {
    expect(() => cropAndScale(full, full, { x: 700, y: 0, width: 50, height: 50 }, { width: 8, height: 8 }, scale)).toThrow(
      RangeError,
    );
  });
});
