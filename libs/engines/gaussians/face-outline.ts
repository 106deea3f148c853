import { OVAL } from '#face';

type Points = ArrayLike<number>;

/** The lower part of the oval from ear to ear over the chin, left to right in the picture. */
const JAW = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454];

/** Outline of one frame's face in the picture. */
export class FaceOutline {
  private readonly oval: readonly (readonly [number, number])[];
  private readonly jaw: readonly (readonly [number, number])[];

  constructor(readonly points: Points) {
    const at = (i: number): readonly [number, number] => [points[3 * i]!, points[3 * i + 1]!];
    this.oval = OVAL.map(at);
    this.jaw = JAW.map(at);
  }

  inside(x: number, y: number): boolean {
    let odd = false;
    const { oval } = this;
    for (let i = 0, j = oval.length - 1; i < oval.length; j = i++) {
      const [xi, yi] = oval[i]!;
      const [xj, yj] = oval[j]!;
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  }

  /** Height of the jaw line in column x; beside the face that of the jaw's angle. */
  jawAt(x: number): number {
    const { jaw } = this;
    const last = jaw.length - 1;
    if (x <= jaw[0]![0]) return jaw[3]![1];
    if (x >= jaw[last]![0]) return jaw[last - 3]![1];
    for (let i = 0; i < last; i++) {
      const [x0, y0] = jaw[i]!;
      const [x1, y1] = jaw[i + 1]!;
      if (x >= x0 && x <= x1) return y0 + ((y1 - y0) * (x - x0)) / Math.max(1e-6, x1 - x0);
    }
    return jaw[10]![1];
  }

  /** Inside as a mask of side² bytes. */
  mask(side: number): Uint8Array {
    const out = new Uint8Array(side * side);
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) if (this.inside(x, y)) out[y * side + x] = 1;
    return out;
  }
}

/** Box around points, grown by px and py. */
export function boxAround(
  points: Points,
  ids: readonly number[],
  px: number,
  py: number,
): { x0: number; x1: number; y0: number; y1: number } {
  const xs = ids.map((i) => points[3 * i]!);
  const ys = ids.map((i) => points[3 * i + 1]!);
  return { x0: Math.min(...xs) - px, x1: Math.max(...xs) + px, y0: Math.min(...ys) - py, y1: Math.max(...ys) + py };
}
export const within = (b: { x0: number; x1: number; y0: number; y1: number }, x: number, y: number): boolean =>
  x >= b.x0 && x <= b.x1 && y >= b.y0 && y <= b.y1;

/** Depth of a picture place by the three nearest landmarks; beyond them it falls back by `slope` px per px. */
export function depthAt(points: Points, depth: (landmark: number) => number, x: number, y: number, slope: number): number {
  const best = [Infinity, Infinity, Infinity];
  const z = [0, 0, 0];
  for (let i = 0; i < 468; i++) {
    const d = (points[3 * i]! - x) ** 2 + (points[3 * i + 1]! - y) ** 2;
    if (d >= best[2]!) continue;
    let k = 2;
    while (k > 0 && d < best[k - 1]!) {
      best[k] = best[k - 1]!;
      z[k] = z[k - 1]!;
      k--;
    }
    best[k] = d;
    z[k] = depth(i);
  }
  let sum = 0;
  let weight = 0;
  for (let k = 0; k < 3; k++) {
    sum += z[k]! / (best[k]! + 1);
    weight += 1 / (best[k]! + 1);
  }
  return sum / weight + slope * Math.max(0, Math.sqrt(best[0]!) - 3);
}
