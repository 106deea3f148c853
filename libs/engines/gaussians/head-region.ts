import { type FitInput, matteAt } from './fit-input.ts';

/** Dilation of the landmarks' hull in distances of the outer eye corners: takes in hair and ears, little of the collar. */
const DILATION = 0.4;

/** What counts as "head" in a frame: matte ∩ dilated hull of the 478 landmarks. Bytes, 1 = head. */
export function headRegion(input: FitInput, f: number): Uint8Array {
  const { size, track } = input;
  const k = size / track.size;
  const { landmarks } = track.frames[f]!;
  const points: [number, number][] = [];
  for (let i = 0; i < landmarks.length; i += 3) points.push([landmarks[i]! * k, landmarks[i + 1]! * k]);
  const [a, b] = [points[33]!, points[263]!];
  const reach = DILATION * Math.hypot(a[0] - b[0], a[1] - b[1]);
  const hull = convexHull(points);
  const matte = matteAt(input, f);
  const out = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (matte[y * size + x]! >= 128 && distanceOutside(hull, x + 0.5, y + 0.5) <= reach) out[y * size + x] = 1;
    }
  }
  return out;
}

/** Andrew's monotone chain. */
export function convexHull(points: readonly (readonly [number, number])[]): [number, number][] {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const half = (from: readonly (readonly [number, number])[]): [number, number][] => {
    const chain: [number, number][] = [];
    for (const p of from) {
      for (;;) {
        const b = chain.at(-1);
        const a = chain.at(-2);
        if (!a || !b || (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        chain.pop();
      }
      chain.push([p[0], p[1]]);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** Distance from a convex polygon; 0 inside. */
function distanceOutside(hull: readonly (readonly [number, number])[], x: number, y: number): number {
  let inside = true;
  let best = Infinity;
  for (let i = 0; i < hull.length; i++) {
    const [ax, ay] = hull[i]!;
    const [bx, by] = hull[(i + 1) % hull.length]!;
    const [ex, ey] = [bx - ax, by - ay];
    if (ex * (y - ay) - ey * (x - ax) < 0) inside = false;
    const t = Math.max(0, Math.min(1, ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey || 1)));
    best = Math.min(best, Math.hypot(x - ax - t * ex, y - ay - t * ey));
  }
  return inside ? 0 : best;
}

export interface Psnr {
  readonly full: number;
  readonly head: number;
}

/** Exact pictures would be infinite; this is the most that a mean of bytes can say. */
const PERFECT = 99;

/** Both PSNRs of one frame, dB over 0..255. */
export function psnrOf(drawn: Uint8Array, real: Uint8Array, region: Uint8Array): Psnr {
  let all = 0;
  let inHead = 0;
  let n = 0;
  for (let i = 0; i < region.length; i++) {
    let sum = 0;
    for (let c = 3 * i; c < 3 * i + 3; c++) sum += (drawn[c]! - real[c]!) ** 2;
    all += sum;
    if (region[i]) {
      inHead += sum;
      n += 3;
    }
  }
  const decibel = (sum: number, count: number): number =>
    sum === 0 || count === 0 ? PERFECT : Math.min(PERFECT, 10 * Math.log10((255 * 255 * count) / sum));
  return { full: decibel(all, 3 * region.length), head: decibel(inHead, n) };
}

export const meanPsnr = (values: readonly Psnr[]): Psnr => ({
  full: values.reduce((sum, v) => sum + v.full, 0) / values.length,
  head: values.reduce((sum, v) => sum + v.head, 0) / values.length,
});
