import type { Hairline, Look } from './look.ts';
import { noise3 } from './random.ts';
import { bump, clamp, lerp, ramp, through } from './vector.ts';

const DEGREES = 180 / Math.PI;

/** Angles round the skull's centre of a point on the mean head (metres): azimuth (0 front, + the subject's left), elevation. */
export const skullAngles = (x: number, y: number, z: number): readonly [azimuth: number, elevation: number] => [
  Math.atan2(x, z + 0.012) * DEGREES,
  Math.atan2(y - 0.055, Math.hypot(x, z + 0.012)) * DEGREES,
];

/** |azimuth| → elevation of the hairline, degrees. */
const HAIRLINES: Record<Hairline, readonly (readonly [number, number])[]> = {
  short: [[0, 28], [18, 29.5], [34, 28], [45, 16], [55, 2], [66, -11], [75, -20], [82, -14], [92, 6], [104, 4], [116, -24], [180, -50]],
  soft: [[0, 28.5], [16, 27.5], [32, 22], [46, 11], [58, -2], [70, -11], [80, -9], [92, 4], [104, 2], [118, -28], [180, -52]],
  receding: [[0, 33], [14, 36.5], [28, 41], [40, 30], [52, 8], [66, -10], [75, -19], [82, -14], [92, 6], [104, 4], [116, -24], [180, -50]],
}; // prettier-ignore

/** Degrees above the hairline (> 0 is hairy), wavy so that no ruler line shows. */
export function hairAmount(look: Pick<Look, 'hairline' | 'seed'>, x: number, y: number, z: number): number {
  const [azimuth, elevation] = skullAngles(x, y, z);
  const waves = 3.2 * (noise3(x * 70, y * 70, z * 70, look.seed % 97) - 0.5) + 2.4 * (noise3(x * 260, y * 260, z * 260, 5) - 0.5);
  return elevation - through(HAIRLINES[look.hairline], Math.abs(azimuth), true) + waves;
}

const BROW = [
  [9, 16],
  [20, 20.5],
  [31, 23],
  [41, 22],
  [50, 16],
] as const; // |x|, height above the eyes' centre, mm
const ARCH = [-0.6, 0.2, 1, 0.6, -1] as const;

/** Place along a brow (0 inner, 1 outer end) and signed distance from its middle line, for |x| and height above the eyes in mm. */
export function browAt({ brow }: Look, ax: number, above: number): readonly [along: number, off: number] {
  let best = Infinity;
  let along = 0;
  let off = 0;
  const arch = (j: number): number => BROW[j][1] + brow.height + brow.arch * ARCH[j] * 2;
  for (let i = 0; i < 4; i++) {
    const x0 = BROW[i][0];
    const y0 = arch(i);
    const vx = BROW[i + 1][0] * brow.length - x0;
    const vy = arch(i + 1) - y0;
    const t = clamp(((ax - x0) * vx + (above - y0) * vy) / (vx * vx + vy * vy));
    const px = ax - x0 - t * vx;
    const py = above - y0 - t * vy;
    const distance = Math.hypot(px, py);
    if (distance >= best) continue;
    best = distance;
    along = (i + t) / 4;
    off = Math.sign(vx * py - vy * px) * distance;
  }
  return [along, off];
}

/** How much beard grows at a place of the mean head (mm), 0..1. */
export function beardAmount(kind: Look['beardKind'], x: number, y: number, z: number): number {
  const ax = Math.abs(x);
  const moustache =
    ramp(-6.5, -10.5, y) * ramp(-21, -17, y) * ramp(30, 24, ax) * (0.55 + 0.45 * ramp(0.5, 3, ax)) * (z > 80 ? 1 : 0);
  if (kind === 'moustache') return moustache;
  const top = ax < 27 ? -20 - 0.05 * (27 - ax) : ax < 48 ? lerp(-20, -8, ramp(27, 48, ax)) : lerp(-8, 30, ramp(48, 66, ax));
  const line = ramp(top + 4, top - 6, y);
  const soul = 1 - 0.75 * bump(y + 42, 3) * ramp(6, 12, ax) * ramp(24, 18, ax);
  if (kind === 'goatee') return Math.max(moustache, line * ramp(27, 21, ax) * ramp(-75, -66, y) * soul);
  const neck = ramp(-84, -70, y + Math.max(0, 40 - z) * 0.35) * ramp(-4, 16, z);
  return Math.max(moustache, line * neck * soul);
}
