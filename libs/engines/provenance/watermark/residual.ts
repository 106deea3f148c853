import { type ChipLayout, PLANE, SYNC, chipsPerSide } from './chip-layout.ts';

/** `master`: stills and files of good quality. `live`: low bitrates. Amplitude of a chip at 512 px, in grey levels. */
export const STRENGTH = { master: 1.1, live: 1.5 } as const;
export type Strength = keyof typeof STRENGTH;

/**
 * A small picture has fewer pixels to add up, and codecs spend fewer bits on each: twice the amplitude at 256 px is what the
 * attacks of the specification take there (docs/adr/0065). Below 220 px more would show and still not be read.
 */
export function amplitudeFor(width: number, height: number, strength: Strength): number {
  const gain = (512 / Math.min(width, height)) ** 1.125;
  return STRENGTH[strength] * Math.min(3, Math.max(0.8, gain));
}

const BAYER = [0, 32, 8, 40, 2, 34, 10, 42, 48, 16, 56, 24, 50, 18, 58, 26, 12, 44, 4, 36, 14, 46, 6, 38, 60, 28, 52, 20, 62, 30, 54, 22, 3, 35, 11, 43, 1, 33, 9, 41, 51, 19, 59, 27, 49, 17, 57, 25, 15, 47, 7, 39, 13, 45, 5, 37, 63, 31, 55, 23, 61, 29, 53, 21]; // prettier-ignore

/**
 * What marking adds to every byte of a packed RGB picture: the same to red, green and blue, so luma gets exactly it and hue none of it;
 * rounded by an ordered dither, because the amplitude is a fraction of a grey level in large pictures. One per id and size, for all frames.
 */
export function changeOf(layout: ChipLayout, code: Int8Array, width: number, height: number, amplitude: number): Int8Array {
  const residual = residualPattern(layout, code, width, height, amplitude);
  const change = new Int8Array(3 * residual.length);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      change.fill(Math.floor(residual[i]! + (BAYER[((y & 7) << 3) | (x & 7)]! + 0.5) / 64), 3 * i, 3 * i + 3);
  return change;
}

/** Chips through bilinear interpolation, centred on the picture's centre. Grey levels. */
function residualPattern(layout: ChipLayout, code: Int8Array, width: number, height: number, amplitude: number): Float32Array {
  const scale = chipsPerSide(width, height) / Math.min(width, height);
  const chip = (x: number, y: number): number => {
    if (x < 0 || y < 0 || x >= PLANE || y >= PLANE) return 0;
    const at = y * PLANE + x;
    return layout.sign[at]! * (layout.bit[at] === SYNC ? 1 : code[layout.bit[at]!]!);
  };
  const residual = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = (y + 0.5 - height / 2) * scale + PLANE / 2 - 0.5;
    const y0 = Math.floor(v);
    const fy = v - y0;
    for (let x = 0; x < width; x++) {
      const u = (x + 0.5 - width / 2) * scale + PLANE / 2 - 0.5;
      const x0 = Math.floor(u);
      const fx = u - x0;
      const top = chip(x0, y0) * (1 - fx) + chip(x0 + 1, y0) * fx;
      const bottom = chip(x0, y0 + 1) * (1 - fx) + chip(x0 + 1, y0 + 1) * fx;
      residual[y * width + x] = amplitude * (top * (1 - fy) + bottom * fy);
    }
  }
  return residual;
}
