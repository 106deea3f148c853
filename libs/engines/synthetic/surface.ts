import type { HeadAsset } from '#face';
import { through } from './vector.ts';

const REGIONS = ['face', 'lips', 'eyelids', 'brows', 'nose', 'ears', 'scalp', 'neck', 'torso', 'mouthInterior', 'eyeSocket'];
/** The asset's chart stretched so that the face gets 58 % of the texels: monotone and piecewise linear, so nothing overlaps. */
const STRETCH_U = [[0.6, 0.01], [0.735, 0.1], [0.98, 0.9], [1, 0.99]] as const; // prettier-ignore
const STRETCH_V = [[0.14, 0.01], [0.35, 0.14], [0.615, 0.86], [0.98, 0.99]] as const; // prettier-ignore

/**
 * Skin, lids, sockets and mouth bag of the head asset, Loop-subdivided once and stored as sparse weights over the asset's vertices:
 * a frame moves 5,668 control points, one multiply gives 19,517 smooth vertices (38,768 triangles). The torso and ears are
 * subdivided too, so that no seam opens.
 */
export interface Surface {
  readonly count: number;
  readonly triangles: Int32Array;
  readonly uvTriangles: Int32Array;
  readonly u: Float32Array;
  readonly v: Float32Array;
  /** Name of each triangle's region. */
  readonly regionOf: (triangle: number) => string;
  /** Positions on the asset's mean head: paint and hairlines are designed in its millimetres. */
  readonly rest: Float32Array;
  /** Share of a vertex's triangles that belong to a region, 0..1. */
  readonly share: Readonly<Record<'mouthInterior' | 'eyeSocket' | 'lips' | 'eyelids' | 'ears', Float32Array>>;
  /** Smooth positions for control positions. */
  apply(control: Float32Array, out: Float32Array): Float32Array;
  /** Smooth values for a value per control vertex. */
  spread(value: (vertex: number) => number): Float32Array;
}

interface Edge {
  readonly a: number;
  readonly b: number;
  readonly opposite: number[];
  id: number;
}
type Face = readonly [number, number, number, number, number, number, number];
type Weights = (readonly [vertex: number, weight: number])[];
const edgeKey = (x: number, y: number): number => (x < y ? x * 1e5 + y : y * 1e5 + x);

export function buildSurface(asset: HeadAsset): Surface {
  const { faces, used } = skinFaces(asset);
  const edges = edgesOf(faces);
  const weights = loopWeights(used.length, edges);
  const uvs: [number, number][] = [];
  for (let i = 0; i < asset.uvs.length; i += 2) {
    uvs.push([stretched(STRETCH_U, asset.uvs[i]), stretched(STRETCH_V, asset.uvs[i + 1])]);
  }
  const split = splitFaces(faces, edges, uvs);
  const count = weights.length;
  const start = new Int32Array(count + 1);
  const flat = weights.flat();
  let at = 0;
  weights.forEach((w, i) => {
    start[i] = at;
    at += w.length;
  });
  start[count] = at;
  const control = Int32Array.from(flat, ([j]) => 3 * used[j]);
  const weight = Float32Array.from(flat, ([, k]) => k);
  const apply = (from: Float32Array, out: Float32Array): Float32Array => {
    for (let i = 0, q = 0; i < count; i++) {
      let x = 0;
      let y = 0;
      let z = 0;
      for (const end = start[i + 1]; q < end; q++) {
        const k = control[q];
        const w = weight[q];
        x += from[k] * w;
        y += from[k + 1] * w;
        z += from[k + 2] * w;
      }
      out[3 * i] = x;
      out[3 * i + 1] = y;
      out[3 * i + 2] = z;
    }
    return out;
  };
  const spread = (value: (vertex: number) => number): Float32Array => {
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      for (let q = start[i]; q < start[i + 1]; q++) out[i] += value(control[q] / 3) * weight[q];
    }
    return out;
  };
  const share = (name: string): Float32Array => shareOf(split, count, asset.regions.indexOf(name));
  return {
    count,
    triangles: Int32Array.from(split.triangles),
    uvTriangles: Int32Array.from(split.uvTriangles),
    u: Float32Array.from(uvs, ([u]) => u),
    v: Float32Array.from(uvs, ([, v]) => v),
    regionOf: (triangle) => asset.regions[split.regions[triangle]],
    rest: apply(asset.positions, new Float32Array(3 * count)),
    share: {
      mouthInterior: share('mouthInterior'),
      eyeSocket: share('eyeSocket'),
      lips: share('lips'),
      eyelids: share('eyelids'),
      ears: share('ears'),
    },
    apply,
    spread,
  };
}

/** Beyond the last knot the line goes on: the chart has points outside the stretched box. */
function stretched(knots: readonly (readonly [number, number])[], x: number): number {
  const last = knots.length - 1;
  const [x0, y0] = knots[0];
  const [x1, y1] = knots[1];
  if (x < x0) return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
  const [x2, y2] = knots[last - 1];
  const [x3, y3] = knots[last];
  return x > x3 ? y2 + ((y3 - y2) * (x - x2)) / (x3 - x2) : through(knots, x);
}

function skinFaces(asset: HeadAsset): { faces: Face[]; used: number[] } {
  const { triangles, triangleUvs, triangleRegion, regions } = asset;
  const rows: number[][] = [];
  triangleRegion.forEach((r, t) => {
    if (!REGIONS.includes(regions[r])) return;
    rows.push([...triangles.subarray(3 * t, 3 * t + 3), ...triangleUvs.subarray(3 * t, 3 * t + 3), r]);
  });
  const used = [...new Set(rows.flatMap((f) => f.slice(0, 3)))].sort((x, y) => x - y);
  const back = new Map(used.map((v, i) => [v, i]));
  const faces = rows.map((f) => [back.get(f[0])!, back.get(f[1])!, back.get(f[2])!, f[3], f[4], f[5], f[6]] as const);
  return { faces, used };
}

function edgesOf(faces: readonly Face[]): Map<number, Edge> {
  const edges = new Map<number, Edge>();
  for (const face of faces) {
    for (let k = 0; k < 3; k++) {
      const a = face[k];
      const b = face[(k + 1) % 3];
      const key = edgeKey(a, b);
      let edge = edges.get(key);
      if (!edge) edges.set(key, (edge = { a, b, opposite: [], id: 0 }));
      edge.opposite.push(face[(k + 2) % 3]);
    }
  }
  return edges;
}

/** Loop's masks; border vertices and edges use the cubic B-spline ones. Gives each edge its new vertex. */
function loopWeights(count: number, edges: Map<number, Edge>): Weights[] {
  const neighbours: number[][] = Array.from({ length: count }, () => []);
  const border: number[][] = Array.from({ length: count }, () => []);
  for (const { a, b, opposite } of edges.values()) {
    neighbours[a].push(b);
    neighbours[b].push(a);
    if (opposite.length > 1) continue;
    border[a].push(b);
    border[b].push(a);
  }
  const weights: Weights[] = neighbours.map((around, i) => {
    if (border[i].length > 0) return [[i, 0.75], ...border[i].slice(0, 2).map((j) => [j, 0.125] as const)];
    const n = around.length;
    const b = n === 3 ? 3 / 16 : 3 / (8 * n);
    return [[i, 1 - n * b], ...around.map((j) => [j, b] as const)];
  });
  for (const edge of edges.values()) {
    edge.id = weights.length;
    const { a, b, opposite } = edge;
    weights.push(
      opposite.length === 2
        ? [[a, 0.375], [b, 0.375], [opposite[0], 0.125], [opposite[1], 0.125]]
        : [[a, 0.5], [b, 0.5]],
    ); // prettier-ignore
  }
  return weights;
}

interface SplitFaces {
  readonly triangles: number[];
  readonly uvTriangles: number[];
  readonly regions: number[];
}

function splitFaces(faces: readonly Face[], edges: Map<number, Edge>, uvs: [number, number][]): SplitFaces {
  const middles = new Map<number, number>();
  const middle = (x: number, y: number): number => {
    const key = edgeKey(x, y);
    let i = middles.get(key);
    if (i === undefined) {
      i = uvs.length;
      uvs.push([(uvs[x][0] + uvs[y][0]) / 2, (uvs[x][1] + uvs[y][1]) / 2]);
      middles.set(key, i);
    }
    return i;
  };
  const out: SplitFaces = { triangles: [], uvTriangles: [], regions: [] };
  for (const [x, y, z, u, v, w, region] of faces) {
    const xy = edges.get(edgeKey(x, y))!.id;
    const yz = edges.get(edgeKey(y, z))!.id;
    const zx = edges.get(edgeKey(z, x))!.id;
    const [uv, vw, wu] = [middle(u, v), middle(v, w), middle(w, u)];
    out.triangles.push(x, xy, zx, xy, y, yz, zx, yz, z, xy, yz, zx);
    out.uvTriangles.push(u, uv, wu, uv, v, vw, wu, vw, w, uv, vw, wu);
    out.regions.push(region, region, region, region);
  }
  return out;
}

function shareOf({ triangles, regions }: SplitFaces, count: number, region: number): Float32Array {
  const all = new Float32Array(count);
  const inside = new Float32Array(count);
  regions.forEach((r, t) => {
    for (let k = 0; k < 3; k++) {
      const v = triangles[3 * t + k];
      all[v]++;
      if (r === region) inside[v]++;
    }
  });
  return inside.map((n, i) => n / (all[i] || 1));
}
