/**
 * The inputs of models/golden.json: made by + - × ÷ on doubles and one rounding to float32, so they are the same bits everywhere.
 * The cartoon is a real test: detector, mesh and mask find it, and the voice is speech to the VAD.
 */
/** 1 inside the ellipse, 0.5 on it, towards 0 outside. */
function blob(x: number, y: number, cx: number, cy: number, rx: number, ry: number): number {
  const q = ((x - cx) / rx) * ((x - cx) / rx) + ((y - cy) / ry) * ((y - cy) / ry);
  return 1 / (1 + q * q * q * q);
}

type Rgb = readonly [number, number, number];
/** Colour, opacity, centre and radii; painted in this order. */
const LAYERS: readonly (readonly [Rgb, number, number, number, number, number])[] = [
  [[0.15, 0.22, 0.45], 1, 0.5, 1.6, 0.75, 0.62],
  [[0.78, 0.57, 0.47], 1, 0.5, 0.95, 0.14, 0.22],
  [[0.85, 0.64, 0.53], 1, 0.5, 0.52, 0.3, 0.4],
  [[0.2, 0.13, 0.1], 0.9, 0.5, 0.1, 0.34, 0.16],
  ...[-1, 1].flatMap((side): [Rgb, number, number, number, number, number][] => [
    [[0.25, 0.17, 0.13], 0.8, 0.5 + side * 0.125, 0.365, 0.08, 0.016],
    [[0.9, 0.88, 0.86], 0.8, 0.5 + side * 0.125, 0.435, 0.06, 0.026],
    [[0.12, 0.09, 0.08], 0.9, 0.5 + side * 0.125, 0.435, 0.025, 0.026],
    [[0.55, 0.36, 0.3], 0.6, 0.5 + side * 0.045, 0.6, 0.022, 0.014],
  ]),
  [[0.93, 0.75, 0.66], 0.5, 0.5, 0.52, 0.03, 0.09],
  [[0.68, 0.3, 0.3], 0.8, 0.5, 0.725, 0.105, 0.036],
  [[0.35, 0.12, 0.12], 0.7, 0.5, 0.725, 0.085, 0.007],
];

/** A cartoon face, 0..1, at u to the right and v down. */
function cartoonAt(u: number, v: number, channel: number): number {
  let t = 0.3 + 0.1 * v;
  for (const [colour, opacity, cx, cy, rx, ry] of LAYERS) {
    const alpha = opacity * blob(u, v, cx, cy, rx, ry);
    t = t * (1 - alpha) + colour[channel]! * alpha;
  }
  return t;
}

/** NHWC picture `[1, height, width, 3]`; the face fills `size` of the height and stands in the middle. */
export function cartoonFace(dims: readonly number[], { lo, hi, size }: { lo: number; hi: number; size: number }): Float32Array {
  const [, height = 0, width = 0, channels = 0] = dims;
  const out = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = (x + 0.5 - width / 2) / (size * height) + 0.5;
      const v = (y + 0.5 - height / 2) / (size * height) + 0.5;
      for (let c = 0; c < channels; c++) out[(y * width + x) * channels + c] = lo + (hi - lo) * cartoonAt(u, v, c);
    }
  }
  return out;
}

/** Resonators for 16 and 8 kHz. */
const FORMANTS = {
  16000: [[1.883, -0.961], [1.7268, -0.9418], [1.0012, -0.9139]],
  8000: [[1.632, -0.9235], [1.1077, -0.8869], [-0.816, -0.835]],
} as const; // prettier-ignore

/** A pulse train through three resonators, louder and softer twice a second; peak about 0.5. Samples `from` onwards; 0 before 0. */
export function goldenVoice(count: number, { rate, from = 0 }: { rate: 16000 | 8000; from?: number }): Float32Array {
  const total = Math.max(0, from) + count;
  const y = new Float64Array(total);
  const past = FORMANTS[rate].map(() => [0, 0] as [number, number]);
  let next = 0;
  let seed = 0x2545f491;
  for (let n = 0; n < total; n++) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    let s = 0.002 * ((seed | 0) / 2147483648);
    if (n >= next) {
      s += 1;
      next = n + Math.floor(rate / (110 + 10 * (Math.floor((n * 8) / rate) % 4)));
    }
    FORMANTS[rate].forEach(([a, b], f) => {
      const p = past[f]!;
      const v = (1 - a - b) * s + a * p[0] + b * p[1];
      p[1] = p[0];
      p[0] = v;
      s = v;
    });
    const t = (4 * n) / rate - 2 * Math.floor((2 * n) / rate);
    y[n] = 4 * s * (0.1 + 0.9 * (t < 1 ? t : 2 - t));
  }
  return Float32Array.from({ length: count }, (_, i) => (from + i < 0 ? 0 : y[from + i]!));
}
