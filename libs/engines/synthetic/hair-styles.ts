import type { HairStyle, Look } from './look.ts';
import type { Texture } from './mesh.ts';
import { noise3 } from './random.ts';
import { ramp } from './vector.ts';

/** How ribbons of one style grow. Lengths in metres. */
export interface StyleRule {
  readonly ribbons: number;
  readonly length: number;
  readonly segments: number;
  readonly width: number;
  /** How far the outermost layer stands off the skin. */
  readonly thickness: number;
  /** How much roots rise off the skin. */
  readonly lift: number;
  readonly gravity: number;
  readonly curl: number;
  /** Falls past the ears: lower parts follow the torso. */
  readonly hangs: boolean;
}

const rule = (
  ribbons: number,
  length: number,
  segments: number,
  width: number,
  thickness: number,
  lift: number,
  gravity: number,
  curl: number,
  hangs = false,
): StyleRule => ({ ribbons, length, segments, width, thickness, lift, gravity, curl, hangs });

export const STYLES: Readonly<Record<HairStyle, StyleRule>> = {
  buzz: rule(3600, 0.006, 2, 0.0017, 0.002, 0.5, 0, 0),
  crop: rule(2600, 0.03, 4, 0.0042, 0.009, 0.45, 0.1, 0.1),
  swept: rule(2000, 0.075, 7, 0.0055, 0.014, 0.5, 0.12, 0.08),
  curls: rule(3000, 0.03, 5, 0.0048, 0.018, 0.9, 0, 1.5),
  afro: rule(3600, 0.062, 6, 0.0075, 0.05, 1.1, 0, 1.3),
  bob: rule(1500, 0.19, 10, 0.009, 0.008, 0.25, 0.55, 0.05, true),
  long: rule(1600, 0.29, 12, 0.009, 0.008, 0.22, 0.6, 0.06, true),
  wavy: rule(1700, 0.27, 13, 0.0085, 0.014, 0.3, 0.5, 0.5, true),
  bun: rule(1700, 0.16, 9, 0.0075, 0.006, 0.1, 0, 0.03),
};

/** Styles whose strands go every way: they scatter light instead of shining in a band. */
export const isFuzzy = (style: HairStyle): boolean => style === 'afro' || style === 'curls' || style === 'buzz';

/** Strands along a ribbon: brightness in RGB, the cover that a vertex must exceed in the fourth channel (ragged ends). */
export function strandTexture(look: Look, side = 128): Texture {
  const data = new Float32Array(side * side * 4);
  const seed = look.seed % 1000;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const u = x / side;
      const v = y / side;
      const strands =
        0.4 * noise3(u * 8, v * 1.2, 0, seed) +
        0.35 * noise3(u * 22, v * 1.8, 0, seed + 1) +
        0.25 * noise3(u * 50, v * 3, 0, seed + 2);
      const edge = ramp(0, 0.22, u) * ramp(1, 0.78, u);
      const o = (y * side + x) * 4;
      data.fill(0.55 + 0.95 * strands, o, o + 3);
      data[o + 3] = 1.25 - (0.35 + 0.65 * strands) * (0.25 + 0.75 * edge) * 1.25;
    }
  }
  return { width: side, height: side, channels: 4, data };
}
