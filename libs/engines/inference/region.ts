import type { RgbFrame } from '#kernel';

/** A square of a picture, turned: centre and side in picture pixels (pixel 0 covers 0..1), angle clockwise in radians. */
export interface Region {
  readonly cx: number;
  readonly cy: number;
  readonly size: number;
  readonly angle: number;
}

/** How a crop's 0..255 becomes the range a net wants. */
export interface Scaling {
  readonly multiply: number;
  readonly add: number;
}
export const ZERO_TO_ONE: Scaling = { multiply: 1 / 255, add: 0 };
export const MINUS_ONE_TO_ONE: Scaling = { multiply: 1 / 127.5, add: -1 };
export const ZERO_TO_255: Scaling = { multiply: 1, add: 0 };

/** Picture point of a crop point (both continuous). */
export function toPicture({ cx, cy, size, angle }: Region, n: number, x: number, y: number): [number, number] {
  const c = (Math.cos(angle) * size) / n;
  const s = (Math.sin(angle) * size) / n;
  return [cx + c * (x - n / 2) - s * (y - n / 2), cy + s * (x - n / 2) + c * (y - n / 2)];
}

/**
 * Resamples a region to n × n NHWC RGB. Bilinear at pixel centres, black outside the picture. Shrinking takes a grid of samples per
 * pixel: one up to a factor of 3 (bilinear at 2 is the exact 2 × 2 mean), at most 4 × 4.
 * The plain loop with row increments takes 0.5 ms for 192² where the straightforward one took 20 to 30.
 */
export function sampleRegion(frame: RgbFrame, region: Region, n: number, out: Float32Array, { multiply, add }: Scaling): void {
  const taps = Math.max(1, Math.min(4, Math.round(region.size / n / 2)));
  if (taps > 1) {
    sampleFine(frame, region, n, out, { multiply, add }, taps);
    return;
  }
  const { data, width, height } = frame;
  const c = (Math.cos(region.angle) * region.size) / n;
  const s = (Math.sin(region.angle) * region.size) / n;
  const inside = isInside(frame, region);
  const row = 3 * width;
  let o = 0;
  for (let y = 0; y < n; y++) {
    let sx = region.cx + c * (0.5 - n / 2) - s * (y + 0.5 - n / 2) - 0.5;
    let sy = region.cy + s * (0.5 - n / 2) + c * (y + 0.5 - n / 2) - 0.5;
    for (let x = 0; x < n; x++, sx += c, sy += s, o += 3) {
      if (!inside && (sx <= -0.5 || sy <= -0.5 || sx >= width - 0.5 || sy >= height - 0.5)) {
        out[o] = out[o + 1] = out[o + 2] = add;
        continue;
      }
      // Half a pixel of rim is the rim's colour.
      const ux = sx < 0 ? 0 : sx > width - 1.001 ? width - 1.001 : sx;
      const uy = sy < 0 ? 0 : sy > height - 1.001 ? height - 1.001 : sy;
      const x0 = ux | 0;
      const y0 = uy | 0;
      const fx = ux - x0;
      const fy = uy - y0;
      const q = y0 * row + 3 * x0;
      const r = q + row;
      const w11 = fx * fy;
      const w01 = fx - w11;
      const w10 = fy - w11;
      const w00 = 1 - fx - w10;
      out[o] = (data[q]! * w00 + data[q + 3]! * w01 + data[r]! * w10 + data[r + 3]! * w11) * multiply + add;
      out[o + 1] = (data[q + 1]! * w00 + data[q + 4]! * w01 + data[r + 1]! * w10 + data[r + 4]! * w11) * multiply + add;
      out[o + 2] = (data[q + 2]! * w00 + data[q + 5]! * w01 + data[r + 2]! * w10 + data[r + 5]! * w11) * multiply + add;
    }
  }
}

/** Nearest samples on a grid of taps × taps per pixel, averaged: at these factors bilinear adds nothing. */
function sampleFine(frame: RgbFrame, region: Region, n: number, out: Float32Array, scaling: Scaling, taps: number): void {
  const m = n * taps;
  const { data, width, height } = frame;
  const c = (Math.cos(region.angle) * region.size) / m;
  const s = (Math.sin(region.angle) * region.size) / m;
  const share = 1 / (taps * taps);
  out.fill(0, 0, 3 * n * n);
  for (let y = 0; y < m; y++) {
    let sx = region.cx + c * (0.5 - m / 2) - s * (y + 0.5 - m / 2);
    let sy = region.cy + s * (0.5 - m / 2) + c * (y + 0.5 - m / 2);
    const into = 3 * n * Math.floor(y / taps);
    for (let x = 0; x < m; x++, sx += c, sy += s) {
      const x0 = Math.floor(sx);
      const y0 = Math.floor(sy);
      if (x0 < 0 || y0 < 0 || x0 >= width || y0 >= height) continue;
      const q = 3 * (y0 * width + x0);
      const o = into + 3 * Math.floor(x / taps);
      out[o] = out[o]! + data[q]!;
      out[o + 1] = out[o + 1]! + data[q + 1]!;
      out[o + 2] = out[o + 2]! + data[q + 2]!;
    }
  }
  for (let i = 0; i < 3 * n * n; i++) out[i] = out[i]! * share * scaling.multiply + scaling.add;
}

function isInside({ width, height }: RgbFrame, { cx, cy, size, angle }: Region): boolean {
  const reach = (size / 2) * (Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle)));
  return cx - reach >= 0 && cy - reach >= 0 && cx + reach <= width && cy + reach <= height;
}
