import type { HeadAsset, Target } from './head-asset.ts';
import { POINT_COUNT, SKIN_POINTS } from './landmark-groups.ts';

/** The six products of a symmetric 3 × 3 matrix: xx, yy, zz, xy, xz, yz. */
export type Symmetric3 = readonly [number, number, number, number, number, number];
const PRODUCTS = [[0, 0], [1, 1], [2, 2], [0, 1], [0, 2], [1, 2]] as const; // prettier-ignore

/** A target seen at the 478 points: 3 metres per point for a weight of 1. */
export function targetAtLandmarks(asset: HeadAsset, target: Target): Float64Array {
  const { triangle, bary } = asset.landmarks;
  const moved = new Float64Array(3 * asset.vertexCount);
  target.index.forEach((v, k) => {
    for (let c = 0; c < 3; c++) moved[3 * v + c] = target.delta[3 * k + c]!;
  });
  const out = new Float64Array(3 * POINT_COUNT);
  for (let i = 0; i < POINT_COUNT; i++) {
    for (let k = 0; k < 3; k++) {
      const from = 3 * asset.triangles[3 * triangle[i]! + k]!;
      for (let c = 0; c < 3; c++) out[3 * i + c] = out[3 * i + c]! + bary[3 * i + k]! * moved[from + c]!;
    }
  }
  return out;
}

/**
 * Sparse columns of landmark displacements and their six Gram matrices. Positions are linear in the weights, so with residuals
 * carried back to metres in the camera plane a Gauss-Newton step needs only BᵀPB, and P = AᵀA (A: camera plane × head axes) is the
 * same for all points: six matrices made once turn the 956 × K system into a sum of six K × K ones.
 */
export class LandmarkColumns {
  readonly count: number;
  /** Points that a column moves, and 3 metres for each. */
  readonly points: readonly Int32Array[];
  readonly values: readonly Float64Array[];
  private readonly gram: readonly Float64Array[];

  /** `weight` per point enters the Gram matrices only; displacements under `smallest` metres are dropped. */
  constructor(dense: readonly Float64Array[], weight: Float64Array, smallest = 3e-5) {
    this.count = dense.length;
    const moves = (full: Float64Array, i: number): boolean =>
      Math.max(Math.abs(full[3 * i]!), Math.abs(full[3 * i + 1]!), Math.abs(full[3 * i + 2]!)) > smallest &&
      (i >= SKIN_POINTS || weight[i]! > 0);
    const all = Array.from({ length: POINT_COUNT }, (_, i) => i);
    this.points = dense.map((full) => Int32Array.from(all.filter((i) => moves(full, i))));
    this.values = dense.map((full, k) =>
      Float64Array.from([...this.points[k]!].flatMap((i) => [full[3 * i]!, full[3 * i + 1]!, full[3 * i + 2]!])),
    );
    this.gram = PRODUCTS.map(([p, q]) => this.gramMatrix(dense, weight, p, q));
  }

  private gramMatrix(dense: readonly Float64Array[], weight: Float64Array, p: number, q: number): Float64Array {
    const K = this.count;
    const G = new Float64Array(K * K);
    for (let k = 0; k < K; k++) {
      const points = this.points[k]!;
      const v = this.values[k]!;
      for (let l = 0; l < K; l++) {
        const b = dense[l]!;
        let sum = 0;
        for (let n = 0; n < points.length; n++) {
          const i = points[n]!;
          const product = p === q ? v[3 * n + p]! * b[3 * i + p]! : v[3 * n + p]! * b[3 * i + q]! + v[3 * n + q]! * b[3 * i + p]!;
          sum += weight[i]! * product;
        }
        G[k * K + l] = sum;
      }
    }
    return G;
  }

  /** out += Σ weight × column, 3 per point. */
  addTo(out: Float64Array, weights: ArrayLike<number>): void {
    for (let k = 0; k < this.count; k++) {
      const x = weights[k]!;
      if (x === 0) continue;
      const p = this.points[k]!;
      const v = this.values[k]!;
      for (let n = 0; n < p.length; n++) {
        const o = 3 * p[n]!;
        out[o] = out[o]! + x * v[3 * n]!;
        out[o + 1] = out[o + 1]! + x * v[3 * n + 1]!;
        out[o + 2] = out[o + 2]! + x * v[3 * n + 2]!;
      }
    }
  }

  /** Σ over a column's points of displacement · g, 3 per point. */
  dot(k: number, g: Float64Array): number {
    const p = this.points[k]!;
    const v = this.values[k]!;
    let sum = 0;
    for (let n = 0; n < p.length; n++) {
      const o = 3 * p[n]!;
      sum += g[o]! * v[3 * n]! + g[o + 1]! * v[3 * n + 1]! + g[o + 2]! * v[3 * n + 2]!;
    }
    return sum;
  }

  /** H += BᵀPB for the columns in `which`; H has their order and is filled on both sides. */
  addHessian(H: Float64Array, which: readonly number[], P: Symmetric3): void {
    const K = this.count;
    const n = which.length;
    const [a, b, c, d, e, f] = this.gram as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
    for (let r = 0; r < n; r++) {
      for (let s = 0; s <= r; s++) {
        const o = which[r]! * K + which[s]!;
        const v = P[0] * a[o]! + P[1] * b[o]! + P[2] * c[o]! + P[3] * d[o]! + P[4] * e[o]! + P[5] * f[o]!;
        H[r * n + s] = H[r * n + s]! + v;
        if (r !== s) H[s * n + r] = H[s * n + r]! + v;
      }
    }
  }
}
