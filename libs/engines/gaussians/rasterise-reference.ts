import type { Posture, Rows } from './splat-head.ts';
import type { SplatModel } from './splat-layout.ts';
import {
  accumulateReference,
  blendReference,
  projectReference,
  type RecordGradient,
  type SplatRecord,
  unprojectReference,
} from './splats-reference.ts';

/** A splat's alpha stops here, so that something is always left to see behind it. */
const CAP = 0.99;
const CUT = 1 / 255;

export interface ReferenceScene {
  readonly model: SplatModel;
  readonly posture: Posture;
  readonly side: number;
  readonly rows: Rows;
  /** Interleaved rgb. */
  readonly plate: Uint8Array;
  readonly target: Uint8Array;
  /** Splats end where alpha falls below 1/255. Off, the loss is smooth: for finite differences. */
  readonly cut?: boolean;
}

export interface ReferenceResult {
  /** Interleaved colours 0..1, 0 in rows that were not drawn. */
  readonly picture: Float64Array;
  /** Σ r². */
  readonly loss: number;
  /** Of ½ Σ r². */
  readonly base: Float64Array;
  readonly delta: Float64Array;
}

/**
 * The plain rasteriser: every pixel against every splat, no spans, no SIMD, double precision. The kernels must agree with it, and it
 * must agree with finite differences. About 2,500 times slower than the kernels at 64² and 500 splats.
 */
export function rasteriseReference(scene: ReferenceScene): ReferenceResult {
  const { model, posture, side, rows } = scene;
  const cur = blendReference(model, posture.weights);
  const records = projectReference(model, cur, posture);
  const gradients = records.map((): RecordGradient => new Float64Array(9));
  const picture = new Float64Array(3 * side * side);
  let loss = 0;
  for (let y = rows.phase; y < side; y += rows.step) {
    for (let x = 0; x < side; x++) loss += pixel(scene, records, gradients, picture, x, y);
  }
  return {
    picture,
    loss,
    ...accumulateReference(model, posture.weights, unprojectReference(model, cur, posture, records, gradients)),
  };
}

interface Hit {
  readonly n: number;
  readonly dx: number;
  readonly dy: number;
  readonly alpha: number;
  readonly capped: boolean;
  /** Transmittance in front of it. */
  readonly T: number;
}

/** Composites one pixel and adds its part of the gradients. Returns its Σ r². */
function pixel(
  scene: ReferenceScene,
  records: readonly SplatRecord[],
  gradients: readonly RecordGradient[],
  picture: Float64Array,
  x: number,
  y: number,
): number {
  const { plate, target, side, cut = true } = scene;
  const o = 3 * (y * side + x);
  const hits: Hit[] = [];
  let T = 1;
  records.forEach((record, n) => {
    const dx = x + 0.5 - record.x;
    const dy = y + 0.5 - record.y;
    const free = record.opacity * Math.exp(-0.5 * (record.A * dx * dx + 2 * record.B * dx * dy + record.C * dy * dy));
    if (cut && free < CUT) return;
    const alpha = Math.min(CAP, free);
    hits.push({ n, dx, dy, alpha, capped: free >= CAP, T });
    for (let c = 0; c < 3; c++) picture[o + c] = picture[o + c]! + T * alpha * record.colour[c]!;
    T *= 1 - alpha;
  });
  const residual = [0, 1, 2].map((c) => {
    picture[o + c] = picture[o + c]! + (T * plate[o + c]!) / 255;
    return picture[o + c]! - target[o + c]! / 255;
  });
  // What lies behind a splat, shaded by the residual: Σ weight × colour · r.
  let behind = residual.reduce((sum, r, c) => sum + (T * r * plate[o + c]!) / 255, 0);
  for (const { n, dx, dy, alpha, capped, T: before } of hits.toReversed()) {
    const { colour, opacity, A, B, C } = records[n]!;
    const g = gradients[n]!;
    const shade = residual.reduce((sum, r, c) => sum + r * colour[c]!, 0);
    residual.forEach((r, c) => (g[6 + c] = g[6 + c]! + before * alpha * r));
    const byAlpha = before * shade - behind / (1 - alpha);
    behind += before * alpha * shade;
    if (capped) continue;
    const h = alpha * byAlpha;
    const parts = [
      h * (A * dx + B * dy),
      h * (B * dx + C * dy),
      -0.5 * h * dx * dx,
      -h * dx * dy,
      -0.5 * h * dy * dy,
      h / opacity,
    ];
    parts.forEach((v, k) => (g[k] = g[k]! + v));
  }
  return residual.reduce((sum, r) => sum + r * r, 0);
}
