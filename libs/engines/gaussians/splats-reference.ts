import { ATTRIBUTES, AT, type SplatModel } from './splat-layout.ts';
import type { Posture } from './splat-head.ts';

/** Pixel footprint added to every covariance, px². */
const BLUR = 0.2;
/** Splats fainter than this are not drawn. */
const FAINT = 0.00393;

/** One projected splat. */
export interface SplatRecord {
  readonly splat: number;
  readonly x: number;
  readonly y: number;
  /** Inverse covariance: A dx² + 2 B dx dy + C dy². */
  readonly A: number;
  readonly B: number;
  readonly C: number;
  readonly opacity: number;
  readonly colour: readonly [number, number, number];
  readonly depth: number;
}

/** Gradients of a record: by x, y, A, B, C, opacity, r, g, b. */
export type RecordGradient = Float64Array;

const logistic = (v: number): number => 1 / (1 + Math.exp(-v));

/** Splat = base + Σ w delta, in plain loops: what `blend` of splats.as.ts must give. */
export function blendReference(model: SplatModel, weights: readonly ArrayLike<number>[]): Float64Array {
  const out = Float64Array.from(model.base);
  model.blocks.forEach(({ first, count, columns, delta }, b) => {
    columns.forEach((_, k) => {
      for (let i = 0; i < count * ATTRIBUTES; i++) {
        out[first * ATTRIBUTES + i] = out[first * ATTRIBUTES + i]! + weights[b]![k]! * delta[k * count * ATTRIBUTES + i]!;
      }
    });
  });
  return out;
}

/** What one splat looks like between parameters and picture. */
class Projection {
  readonly share: number;
  readonly opacity: number;
  readonly scales: readonly number[];
  /** Unit quaternion and the length it had. */
  readonly q: readonly number[];
  readonly length: number;
  /** Rows picture x, picture y of the mixed bones, and the depth row. */
  readonly U: readonly (readonly number[])[];
  readonly rotation: readonly (readonly number[])[];
  /** U × rotation × scales: 2 × 3. */
  readonly V: readonly (readonly number[])[];
  readonly centre: readonly [number, number];
  readonly position: readonly number[];

  constructor(
    readonly p: ArrayLike<number>,
    readonly offset: number,
    fixedShare: number,
    readonly bones: ArrayLike<number>,
  ) {
    const at = (k: number): number => p[offset + k]!;
    this.position = [at(0), at(1), at(2)];
    this.share = fixedShare < 0 ? logistic(at(AT.bone)) : fixedShare;
    this.opacity = logistic(at(AT.opacity));
    this.scales = [3, 4, 5].map((k) => Math.exp(at(k)));
    const raw = [6, 7, 8, 9].map(at);
    this.length = Math.hypot(...raw);
    this.q = raw.map((v) => v / this.length);
    this.rotation = rotationOfQuaternion(this.q);
    const mixed = (k: number): number => this.share * bones[k]! + (1 - this.share) * bones[12 + k]!;
    this.U = [0, 1, 2].map((row) => [0, 1, 2].map((c) => mixed(3 * row + c)));
    this.V = [0, 1].map((row) =>
      [0, 1, 2].map((j) => this.scales[j]! * [0, 1, 2].reduce((sum, i) => sum + this.U[row]![i]! * this.rotation[i]![j]!, 0)),
    );
    this.centre = [0, 1].map((row) => this.position.reduce((sum, v, i) => sum + this.U[row]![i]! * v, mixed(9 + row))) as [
      number,
      number,
    ];
  }

  record(splat: number): SplatRecord {
    const [a, b] = this.V as [number[], number[]];
    const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((sum, x, i) => sum + x * v[i]!, 0);
    const [xx, xy, yy] = [dot(a, a) + BLUR, dot(a, b), dot(b, b) + BLUR];
    const det = xx * yy - xy * xy;
    const o = this.offset + AT.colour;
    return {
      splat,
      x: this.centre[0],
      y: this.centre[1],
      A: yy / det,
      B: -xy / det,
      C: xx / det,
      opacity: this.opacity,
      colour: [this.p[o]!, this.p[o + 1]!, this.p[o + 2]!],
      depth: dot(this.U[2]!, this.position),
    };
  }
}

/** 3 × 3 rows of a unit quaternion w x y z. */
function rotationOfQuaternion([w, x, y, z]: readonly number[]): number[][] {
  return [
    [1 - 2 * (y! * y! + z! * z!), 2 * (x! * y! - w! * z!), 2 * (x! * z! + w! * y!)],
    [2 * (x! * y! + w! * z!), 1 - 2 * (x! * x! + z! * z!), 2 * (y! * z! - w! * x!)],
    [2 * (x! * z! - w! * y!), 2 * (y! * z! + w! * x!), 1 - 2 * (x! * x! + y! * y!)],
  ];
}

/** Derivative of the rotation by w, x, y, z. */
function rotationByQuaternion([w, x, y, z]: readonly number[]): number[][][] {
  return [
    [[0, -z!, y!], [z!, 0, -x!], [-y!, x!, 0]],
    [[0, y!, z!], [y!, -2 * x!, -w!], [z!, w!, -2 * x!]],
    [[-2 * y!, x!, w!], [x!, 0, z!], [-w!, z!, -2 * y!]],
    [[-2 * z!, -w!, x!], [w!, -2 * z!, y!], [x!, y!, 0]],
  ].map((rows) => rows.map((row) => row.map((v) => 2 * v))); // prettier-ignore
}

/** Records of all visible splats, nearest first. */
export function projectReference(model: SplatModel, cur: ArrayLike<number>, { bones }: Posture): SplatRecord[] {
  const records: SplatRecord[] = [];
  for (let i = 0; i < model.count; i++) {
    const projection = new Projection(cur, i * ATTRIBUTES, model.headShare[i]!, bones);
    if (projection.opacity >= FAINT) records.push(projection.record(i));
  }
  return records.sort((a, b) => a.depth - b.depth || a.splat - b.splat);
}

/** Chain rule from picture gradients to the 16 attributes: what `unproject` must give. */
export function unprojectReference(
  model: SplatModel,
  cur: ArrayLike<number>,
  { bones }: Posture,
  records: readonly SplatRecord[],
  gradients: readonly RecordGradient[],
): Float64Array {
  const out = new Float64Array(model.count * ATTRIBUTES);
  records.forEach((record, n) => {
    const o = record.splat * ATTRIBUTES;
    const p = new Projection(cur, o, model.headShare[record.splat]!, bones);
    const [gx, gy, gA, gB, gC, gOpacity, ...gColour] = gradients[n]! as unknown as number[];
    for (let c = 0; c < 3; c++) out[o + c] = p.U[0]![c]! * gx! + p.U[1]![c]! * gy!;
    // Conic Q = Σ⁻¹, so dL/dΣ = −Q (dL/dQ) Q.
    const Q = [[record.A, record.B], [record.B, record.C]]; // prettier-ignore
    const G = [[gA!, gB! / 2], [gB! / 2, gC!]]; // prettier-ignore
    const dSigma = times(times(Q, G), Q).map((row) => row.map((v) => -v));
    const dV = times(dSigma, p.V).map((row) => row.map((v) => 2 * v));
    const dM = times([0, 1, 2].map((c) => [p.U[0]![c]!, p.U[1]![c]!]), dV); // prettier-ignore
    for (let j = 0; j < 3; j++) {
      out[o + AT.logScale + j] = p.scales[j]! * [0, 1, 2].reduce((sum, i) => sum + dM[i]![j]! * p.rotation[i]![j]!, 0);
    }
    const dq = rotationByQuaternion(p.q).map((D) =>
      [0, 1, 2].reduce((sum, i) => sum + [0, 1, 2].reduce((s, j) => s + dM[i]![j]! * p.scales[j]! * D[i]![j]!, 0), 0),
    );
    const along = dq.reduce((sum, v, k) => sum + v * p.q[k]!, 0);
    dq.forEach((v, k) => (out[o + AT.quaternion + k] = (v - along * p.q[k]!) / p.length));
    out[o + AT.opacity] = gOpacity! * p.opacity * (1 - p.opacity);
    gColour.forEach((v, c) => (out[o + AT.colour + c] = v));
    if (model.headShare[record.splat]! < 0) {
      const place = (at: number, row: number): number =>
        p.position.reduce((sum, v, i) => sum + bones[at + 3 * row + i]! * v, bones[at + 9 + row]!);
      const move = [0, 1].map((row) => place(0, row) - place(12, row));
      out[o + AT.bone] = (gx! * move[0]! + gy! * move[1]!) * p.share * (1 - p.share);
    }
  });
  return out;
}

/** Gradients by base and, block after block, by deltas: what `accumulate` must give. */
export function accumulateReference(
  model: SplatModel,
  weights: readonly ArrayLike<number>[],
  g: Float64Array,
): { base: Float64Array; delta: Float64Array } {
  const delta: number[] = [];
  model.blocks.forEach(({ first, count, columns }, b) => {
    columns.forEach((_, k) => {
      for (let i = 0; i < count * ATTRIBUTES; i++) delta.push(weights[b]![k]! * g[first * ATTRIBUTES + i]!);
    });
  });
  return { base: g, delta: Float64Array.from(delta) };
}

const times = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, v, k) => sum + v * b[k]![j]!, 0)));
