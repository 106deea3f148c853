import type { RgbFrame } from '#kernel';
import { Net } from './net.ts';
import { type Region, sampleRegion, ZERO_TO_255 } from './region.ts';

const SIDE = 150;
export const EMBEDDING_SIZE = 128;

/** dlib's five points with padding 0.25, in chip pixels: left eye outer and inner corner, right eye outer and inner, base of the nose. */
const CHIP = [
  [0.8595674595992, 0.2134981538014],
  [0.6460604764104, 0.2289674387677],
  [0.1205750620789, 0.2137274526848],
  [0.3340850613712, 0.2290642403242],
  [0.4901123135679, 0.6277975316475],
].map(([x, y]) => [((0.25 + x!) / 1.5) * SIDE, ((0.25 + y!) / 1.5) * SIDE] as const);
const CHIP_LANDMARKS = [263, 362, 33, 133, 2];

/**
 * Who this is: 128 numbers of length 1 from the aligned face. Biometric data: it is encrypted and deleted with its subject. 7 ms.
 */
export async function embedFace(frame: RgbFrame, points: Float32Array): Promise<Float32Array> {
  const net = await Net.get('face_embed_dlib');
  const { embedding } = await net.run((input) => sampleRegion(frame, chipRegion(points), SIDE, input('input'), ZERO_TO_255));
  return normalised(embedding!);
}

/** Least-squares similarity (no mirror) from the chip's points to the picture's: as the square of the picture that the chip shows. */
export function chipRegion(points: Float32Array): Region {
  const n = CHIP.length;
  const from = CHIP_LANDMARKS.map((i) => [points[3 * i]!, points[3 * i + 1]!] as const);
  const mean = (p: readonly (readonly [number, number])[], k: 0 | 1): number => p.reduce((sum, q) => sum + q[k], 0) / n;
  const [tx, ty, fx, fy] = [mean(CHIP, 0), mean(CHIP, 1), mean(from, 0), mean(from, 1)];
  let a = 0;
  let b = 0;
  let d = 0;
  CHIP.forEach(([X, Y], i) => {
    const [x, y] = [X - tx, Y - ty];
    const [u, v] = [from[i]![0] - fx, from[i]![1] - fy];
    a += x * u + y * v;
    b += x * v - y * u;
    d += x * x + y * y;
  });
  a /= d;
  b /= d;
  const [x, y] = [SIDE / 2 - tx, SIDE / 2 - ty];
  return { cx: fx + a * x - b * y, cy: fy + b * x + a * y, size: SIDE * Math.hypot(a, b), angle: Math.atan2(b, a) };
}

/** A copy of length 1. The net's own outputs have lengths 1.37 to 1.49. */
export function normalised(v: ArrayLike<number>): Float32Array {
  const length = Math.hypot(...Array.from(v));
  return Float32Array.from(v, (x) => x / length);
}

/** Direction of the mean of several embeddings. */
export function meanEmbedding(embeddings: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(EMBEDDING_SIZE);
  for (const e of embeddings) for (let i = 0; i < EMBEDDING_SIZE; i++) sum[i] = sum[i]! + e[i]!;
  return normalised(sum);
}

/** Cosine of two embeddings of length 1. Unrelated people score 0.77 to 0.87: the scale starts near 0.75, not at 0. */
export function compareEmbeddings(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < EMBEDDING_SIZE; i++) sum += a[i]! * b[i]!;
  return sum;
}
