import type { RgbFrame } from '#kernel';
import { describe, expect, it } from 'vitest';
import { type Region, sampleRegion, toPicture, ZERO_TO_255 } from './region.ts';

/** Colours that are linear in x and y, so that bilinear sampling is exact. */
function ramp(width: number, height: number): RgbFrame {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set([2 * x, 2 * y, x + y], 3 * (y * width + x));
  return { width, height, data, time: 0 };
}

function sample(frame: RgbFrame, region: Region, n: number): Float32Array {
  const out = new Float32Array(3 * n * n);
  sampleRegion(frame, region, n, out, ZERO_TO_255);
  return out;
}

describe('sampling a region', () => {
  const frame = ramp(100, 90);

  it.each<[string, Region, number]>([
    ['level', { cx: 50, cy: 45, size: 40, angle: 0 }, 20],
    ['turned', { cx: 48, cy: 44, size: 30, angle: 0.4 }, 24],
    ['enlarged', { cx: 52, cy: 40, size: 20, angle: -0.7 }, 64],
    ['shrunk by five', { cx: 50, cy: 45, size: 60, angle: 0.2 }, 12],
  ])('takes pixel centres where they lie: %s', (_, region, n) => {
    const out = sample(frame, region, n);
    for (const [x, y] of [[0, 0], [n - 1, 0], [3, n - 2], [n >> 1, n >> 1]] as const) {
      const [px, py] = toPicture(region, n, x + 0.5, y + 0.5);
      const got = out.subarray(3 * (y * n + x), 3 * (y * n + x) + 3);
      // a pixel's colour stands at its centre: 0.5
      expect(Math.abs(got[0]! - 2 * (px - 0.5))).toBeLessThan(1.1);
      expect(Math.abs(got[1]! - 2 * (py - 0.5))).toBeLessThan(1.1);
      expect(Math.abs(got[2]! - (px + py - 1))).toBeLessThan(1.1);
    }
  }); // prettier-ignore

  it('is black outside the picture, also for a corner far away', () => {
    const white = { ...frame, data: new Uint8Array(frame.data.length).fill(255) };
    const out = sample(white, { cx: 0, cy: 0, size: 40, angle: 0 }, 20);
    expect(out[0]).toBe(0);
    expect(out.at(-1)).toBe(255);
    expect([...sample(white, { cx: -500, cy: 900, size: 40, angle: 1 }, 8)].every((v) => v === 0)).toBe(true);
  });
});
