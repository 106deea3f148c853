import type { Surface } from './surface.ts';

/** Surface vertices of each lip at the middle of the mouth. */
export interface LipLine {
  readonly upper: readonly number[];
  readonly lower: readonly number[];
}

/** Half width of the strip that counts as the middle, metres. */
const MIDDLE = 0.003;

/** `drop`: how far each vertex moves down with the jaw (metres): the lower lip goes with it, the upper does not. */
export function findLipLine({ count, rest, share }: Surface, drop: Float32Array): LipLine {
  const middle = Array.from({ length: count }, (_, v) => v).filter((v) => share.lips[v] > 0.4 && Math.abs(rest[3 * v]) < MIDDLE);
  const most = Math.max(...middle.map((v) => drop[v]));
  return { upper: middle.filter((v) => drop[v] < 0.3 * most), lower: middle.filter((v) => drop[v] > 0.6 * most) };
}

/**
 * Free height between the lips at the middle, metres, 0 when they touch: what one sees. The landmarks of the inner lips lie on the lips'
 * backs: a rounded mouth turns them outwards, and their distance grew by 5 mm with hardly any opening to see.
 */
export function lipOpening({ upper, lower }: LipLine, points: Float32Array): number {
  const lowest = Math.min(...upper.map((v) => points[3 * v + 1]));
  const highest = Math.max(...lower.map((v) => points[3 * v + 1]));
  return Math.max(0, lowest - highest);
}
