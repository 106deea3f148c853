import { ChipLayout, PLANE, SYNC, chipsPerSide } from './chip-layout.ts';
import { codewordOf } from './mark-code.ts';

/** `master`: stills and files of good quality. `live`: low bitrates and small pictures. Amplitude of a chip in grey levels. */
export const STRENGTH = { master: 0.8, live: 1.1 } as const;
/** Small pictures have a quarter of the pixels to add up, so each must carry more (measured; see docs/benchmarks.md). */
const SMALL_PICTURE_GAIN = 2.6;

const BAYER = [0, 32, 8, 40, 2, 34, 10, 42, 48, 16, 56, 24, 50, 18, 58, 26, 12, 44, 4, 36, 14, 46, 6, 38, 60, 28, 52, 20, 62, 30, 54, 22, 3, 35, 11, 43, 1, 33, 9, 41, 51, 19, 59, 27, 49, 17, 57, 25, 15, 47, 7, 39, 13, 45, 5, 37, 63, 31, 55, 23, 61, 29, 53, 21]; // prettier-ignore

/** Adds one id to the pictures of one size: a grey pattern, the same in every frame, rounded by an ordered dither. */
export class VideoMarker {
  /** Grey levels to add, per pixel. */
  readonly #residual: Float32Array;

  constructor(
    key: Uint8Array,
    readonly id: string,
    readonly width: number,
    readonly height: number,
    strength: keyof typeof STRENGTH = 'master',
  ) {
    const chips = chipsPerSide(width, height);
    this.#residual = residualPattern(
      new ChipLayout(key),
      codewordOf(id),
      width,
      height,
      chips,
      STRENGTH[strength] * (chips === 48 ? SMALL_PICTURE_GAIN : 1),
    );
  }

  /** Marks packed RGB in place. The same amount goes to all three channels, so luma gets exactly it and hue none of it. */
  mark(rgb: Uint8Array): void {
    if (rgb.length !== this.width * this.height * 3)
      throw new RangeError(`the picture is not ${this.width} × ${this.height} RGB`);
    for (let y = 0, i = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++, i++) {
        const add = Math.floor(this.#residual[i]! + (BAYER[((y & 7) << 3) | (x & 7)]! + 0.5) / 64);
        if (add === 0) continue;
        for (let p = 3 * i; p < 3 * i + 3; p++) {
          const value = rgb[p]! + add;
          rgb[p] = value < 0 ? 0 : value > 255 ? 255 : value;
        }
      }
    }
  }
}

/** Chips through bilinear interpolation, centred on the picture's centre. */
function residualPattern(
  layout: ChipLayout,
  code: Int8Array,
  width: number,
  height: number,
  chips: number,
  amplitude: number,
): Float32Array {
  const scale = chips / Math.min(width, height);
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
