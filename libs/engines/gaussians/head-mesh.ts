import {
  COEFFICIENT_COUNT,
  deform,
  express,
  type HeadAsset,
  landmarkPoints,
  landmarkPose,
  loadHeadAsset,
  type Track,
} from '#face';
import type { ClipPoses } from './clip-poses.ts';

/** Cells of the place map per canonical pixel. */
const CELLS_PER_PIXEL = 2;
/** How far beside the mesh (hair, ears) a splat still takes its nearest triangle, pixels. */
const REACH = 30;
/** A splat with this triangle is bound to none. */
export const UNBOUND = 0xffff;

/** Where a splat sits on the head asset. */
export interface Binding {
  readonly triangle: number;
  /** Barycentrics of the first two corners. */
  readonly u: number;
  readonly v: number;
  /** Height above the surface towards the viewer, pixels. */
  readonly height: number;
}

/** The fitted CC0 head in canonical axes and pixels: says which triangle is seen at a place, and how a coefficient moves it. */
export class HeadMesh {
  readonly asset: HeadAsset;
  /** Identity baked in, asset axes, metres. */
  private readonly rest: Float32Array;
  /** Asset axes → canonical: 3 × 3 with scale and the change of signs, then translation. */
  private readonly toCanonical: Float64Array;
  /** Canonical vertices. */
  private readonly vertices: Float32Array;
  private readonly left: number;
  private readonly top: number;
  private readonly columns: number;
  private readonly rows: number;
  private readonly cells: Uint16Array;

  constructor(track: Track, clip: ClipPoses, asset = loadHeadAsset()) {
    this.asset = asset;
    this.rest = deform(asset, track.calibration ? { identity: track.calibration.identity } : {});
    this.toCanonical = alignment(landmarkPoints(asset, this.rest), clip);
    this.vertices = new Float32Array(this.rest.length);
    for (let v = 0; v < this.rest.length; v += 3) this.place(this.rest, v, this.vertices);
    const used = [...asset.triangles];
    const extent = (c: 0 | 1): [number, number] => {
      let lo = Infinity;
      let hi = -Infinity;
      for (const v of used) {
        lo = Math.min(lo, this.vertices[3 * v + c]!);
        hi = Math.max(hi, this.vertices[3 * v + c]!);
      }
      return [lo, hi];
    };
    const [x0, x1] = extent(0);
    const [y0, y1] = extent(1);
    this.left = x0;
    this.top = y0;
    this.columns = Math.ceil((x1 - x0) * CELLS_PER_PIXEL) + 1;
    this.rows = Math.ceil((y1 - y0) * CELLS_PER_PIXEL) + 1;
    this.cells = this.nearestTriangles();
  }

  private place(from: Float32Array, v: number, out: Float32Array): void {
    const A = this.toCanonical;
    for (let c = 0; c < 3; c++)
      out[v + c] = A[3 * c]! * from[v]! + A[3 * c + 1]! * from[v + 1]! + A[3 * c + 2]! * from[v + 2]! + A[9 + c]!;
  }

  /** Depth buffer of triangle numbers over the canonical x, y plane; lash cards are left out (solid quads, research/head-asset). */
  private nearestTriangles(): Uint16Array {
    const { asset, vertices: p, columns, rows } = this;
    const cells = new Uint16Array(columns * rows).fill(UNBOUND);
    const depth = new Float32Array(columns * rows).fill(Infinity);
    const lashes = asset.regions.findIndex((name) => /lash/i.test(name));
    for (let t = 0; t < asset.triangleRegion.length; t++) {
      if (asset.triangleRegion[t] === lashes) continue;
      const [a, b, c] = [0, 1, 2].map((k) => 3 * asset.triangles[3 * t + k]!) as [number, number, number];
      const span = (o: 0 | 1, origin: number, last: number): [number, number] => {
        const values = [p[a + o]!, p[b + o]!, p[c + o]!].map((v) => (v - origin) * CELLS_PER_PIXEL);
        return [Math.max(0, Math.ceil(Math.min(...values))), Math.min(last, Math.floor(Math.max(...values)))];
      };
      const [i0, i1] = span(0, this.left, columns - 1);
      const [j0, j1] = span(1, this.top, rows - 1);
      for (let j = j0; j <= j1; j++) {
        for (let i = i0; i <= i1; i++) {
          const [u, v] = this.barycentrics(t, this.left + i / CELLS_PER_PIXEL, this.top + j / CELLS_PER_PIXEL);
          if (u < -1e-6 || v < -1e-6 || u + v > 1 + 1e-6) continue;
          const z = u * p[a + 2]! + v * p[b + 2]! + (1 - u - v) * p[c + 2]!;
          const cell = j * columns + i;
          if (z >= depth[cell]!) continue;
          depth[cell] = z;
          cells[cell] = t;
        }
      }
    }
    return cells;
  }

  private barycentrics(t: number, x: number, y: number): [number, number] {
    const { asset, vertices: p } = this;
    const [a, b, c] = [0, 1, 2].map((k) => 3 * asset.triangles[3 * t + k]!) as [number, number, number];
    const det = (p[b + 1]! - p[c + 1]!) * (p[a]! - p[c]!) + (p[c]! - p[b]!) * (p[a + 1]! - p[c + 1]!);
    if (Math.abs(det) < 1e-9) return [-1, -1];
    const u = ((p[b + 1]! - p[c + 1]!) * (x - p[c]!) + (p[c]! - p[b]!) * (y - p[c + 1]!)) / det;
    const v = ((p[c + 1]! - p[a + 1]!) * (x - p[c]!) + (p[a]! - p[c]!) * (y - p[c + 1]!)) / det;
    return [u, v];
  }

  /** The triangle seen at a canonical place, or the nearest one beside the mesh (its barycentrics held inside). */
  bind(x: number, y: number, z: number): Binding {
    const t = this.triangleNear(Math.round((x - this.left) * CELLS_PER_PIXEL), Math.round((y - this.top) * CELLS_PER_PIXEL));
    if (t === UNBOUND) return { triangle: UNBOUND, u: 0, v: 0, height: 0 };
    let [u, v] = this.barycentrics(t, x, y).map((w) => Math.max(0, Math.min(1, w))) as [number, number];
    const sum = u + v;
    if (sum > 1) [u, v] = [u / sum, v / sum];
    const depth = [u, v, 1 - u - v].reduce((acc, w, k) => acc + w * this.vertices[3 * this.asset.triangles[3 * t + k]! + 2]!, 0);
    return { triangle: t, u, v, height: depth - z };
  }

  private triangleNear(i: number, j: number): number {
    const { columns, rows, cells } = this;
    let best = UNBOUND;
    let distance = (REACH * CELLS_PER_PIXEL) ** 2;
    for (let r = 0; r * r <= distance; r++) {
      for (let dj = -r; dj <= r; dj++) {
        for (let di = -r; di <= r; di += Math.abs(dj) === r ? 1 : Math.max(1, 2 * r)) {
          const [ii, jj] = [i + di, j + dj];
          if (ii < 0 || jj < 0 || ii >= columns || jj >= rows) continue;
          const t = cells[jj * columns + ii]!;
          const d = di * di + dj * dj;
          if (t === UNBOUND || d >= distance) continue;
          best = t;
          distance = d;
        }
      }
      if (r === 0 && best !== UNBOUND) break;
    }
    return best;
  }

  /** How far coefficient k at 1 carries each vertex, canonical pixels; taken at one half, since eyeballs turn and do not slide. */
  unitDisplacement(k: number): Float32Array {
    const coefficients = new Float32Array(COEFFICIENT_COUNT);
    coefficients[k] = 0.5;
    const moved = express(this.asset, this.rest.slice(), coefficients);
    const out = new Float32Array(moved.length);
    for (let v = 0; v < moved.length; v += 3) this.place(moved, v, out);
    for (let i = 0; i < out.length; i++) out[i] = 2 * (out[i]! - this.vertices[i]!);
    return out;
  }

  /** A vertex field (3 per vertex) at a binding. */
  at(field: Float32Array, { triangle, u, v }: Binding): [number, number, number] {
    if (triangle === UNBOUND) return [0, 0, 0];
    const weights = [u, v, 1 - u - v];
    return [0, 1, 2].map((c) =>
      weights.reduce((sum, w, k) => sum + w * field[3 * this.asset.triangles[3 * triangle + k]! + c]!, 0),
    ) as [number, number, number];
  }
}

/** Similarity of the asset's landmarks onto the clip's mean shape. */
function alignment(landmarks: Float32Array, clip: ClipPoses): Float64Array {
  const seen = landmarks.map((v, i) => (i % 3 === 0 ? v : -v) * clip.perMetre);
  const { R, s, t } = landmarkPose(seen, clip.shape);
  const k = s * clip.perMetre;
  const out = new Float64Array(12);
  for (let row = 0; row < 3; row++) {
    out[3 * row] = k * R[3 * row]!;
    out[3 * row + 1] = -k * R[3 * row + 1]!;
    out[3 * row + 2] = -k * R[3 * row + 2]!;
    out[9 + row] = t[row]!;
  }
  return out;
}
