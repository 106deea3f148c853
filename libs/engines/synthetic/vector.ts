/** A point or direction in metres, or a linear RGB colour. */
export type Vec3 = readonly [number, number, number];

export const clamp = (x: number, low = 0, high = 1): number => (x < low ? low : x > high ? high : x);
export const lerp = (a: number, b: number, t: number): number => a + (b - a) * t;
/** Smooth step from `a` (0) to `b` (1); `a` may be the larger one. */
export const ramp = (a: number, b: number, x: number): number => {
  const t = clamp((x - a) / (b - a));
  return t * t * (3 - 2 * t);
};
/** Gaussian bump of height 1. */
export const bump = (distance: number, radius: number): number => Math.exp((-distance * distance) / (2 * radius * radius));
export const mix = (a: Vec3, b: Vec3, t: number): Vec3 => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
export const scale = (a: Vec3, k: number): Vec3 => [a[0] * k, a[1] * k, a[2] * k];
export const unit = (v: Vec3): Vec3 => {
  const l = Math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]) || 1;
  return [v[0] / l, v[1] / l, v[2] / l];
};
export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const pointAt = (p: ArrayLike<number>, i: number): Vec3 => [p[3 * i], p[3 * i + 1], p[3 * i + 2]];

/** Piecewise linear (or eased) value through sorted knots `[x, y]`, held at both ends. */
export function through(knots: readonly (readonly [number, number])[], x: number, eased = false): number {
  const first = knots[0];
  if (x <= first[0]) return first[1];
  for (let i = 0; i + 1 < knots.length; i++) {
    const [x0, y0] = knots[i];
    const [x1, y1] = knots[i + 1];
    if (x > x1) continue;
    const t = (x - x0) / (x1 - x0);
    return lerp(y0, y1, eased ? t * t * (3 - 2 * t) : t);
  }
  return knots[knots.length - 1][1];
}

const toLinear = (c: number): number => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
/** `#rrggbb` as linear RGB. */
export function colour(hex: string): Vec3 {
  const channel = (i: number): number => toLinear(parseInt(hex.slice(i, i + 2), 16) / 255);
  return [channel(1), channel(3), channel(5)];
}
