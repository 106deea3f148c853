import type { Raster } from './raster.ts';
import { randomStream } from './random.ts';

/** sRGB tone curve with a soft shoulder for linear values 0..2, as bytes. */
const TONE = Float32Array.from({ length: 4096 }, (_, i) => {
  const x = (i / 4095) * 2 * 0.62;
  const f = (x * (2.2 * x + 0.05)) / (x * (2 * x + 0.75) + 0.12);
  const s = f <= 0.0031308 ? f * 12.92 : 1.055 * f ** (1 / 2.4) - 0.055;
  return Math.max(0, Math.min(1, s)) * 255;
});
const TO_INDEX = (TONE.length - 1) / 2;

const GRAIN = (() => {
  const random = randomStream(99);
  return Float32Array.from({ length: 65536 }, () => (random() + random() + random() - 1.5) * 2);
})();

/**
 * Develops a raster of twice the picture's side: tone curve first, then the mean of 2 × 2, so that bright edges stay smooth; vignette
 * and film grain on top.
 */
export function develop({ rgb, width }: Raster, { grain, seed }: { grain: number; seed: number }): Uint8Array<ArrayBuffer> {
  const side = width / 2;
  const out = new Uint8ClampedArray(side * side * 3);
  const last = TONE.length - 1;
  for (let y = 0; y < side; y++) {
    const vy = (y / side - 0.5) ** 2;
    for (let x = 0; x < side; x++) {
      const vignette = (1 - 0.4 * ((x / side - 0.5) ** 2 + vy)) * TO_INDEX;
      const noise = GRAIN[(y * side + x + seed) & 65535] * grain;
      const o = (2 * y * width + 2 * x) * 3;
      const o2 = o + 3 * width;
      const p = (y * side + x) * 3;
      for (let k = 0; k < 3; k++) {
        const a = (rgb[o + k] * vignette) | 0;
        const b = (rgb[o + 3 + k] * vignette) | 0;
        const c = (rgb[o2 + k] * vignette) | 0;
        const d = (rgb[o2 + 3 + k] * vignette) | 0;
        out[p + k] =
          (TONE[a > last ? last : a] + TONE[b > last ? last : b] + TONE[c > last ? last : c] + TONE[d > last ? last : d]) * 0.25 +
          noise;
      }
    }
  }
  return new Uint8Array(out.buffer);
}
