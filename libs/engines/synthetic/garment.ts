import type { Look, Neckline } from './look.ts';
import { makeMesh, gridTriangles, type Mesh, type Texture } from './mesh.ts';
import { fractalNoise3, noise3 } from './random.ts';
import type { Surface } from './surface.ts';
import { bump, clamp, ramp } from './vector.ts';

/** Height of the neckline (metres) by the angle round the neck, 0 = front. */
function necklineAt(kind: Neckline, angle: number): number {
  const front = Math.max(0, Math.cos(angle));
  switch (kind) {
    case 'turtle':
      return -0.062 - 0.012 * front;
    case 'v':
      return -0.092 - 0.058 * front ** 3;
    case 'scoop':
      return -0.096 - 0.038 * front;
    case 'crew':
      return -0.09 - 0.027 * front;
  }
}
const NECK_Z = 0.035;
const COLLAR: Readonly<Record<Neckline, { height: number; thick: number }>> = {
  crew: { height: 0.0085, thick: 0.0045 },
  scoop: { height: 0.006, thick: 0.0045 },
  v: { height: 0.0065, thick: 0.0045 },
  turtle: { height: 0.021, thick: 0.0062 },
};

export interface Clothes {
  /** Neck and torso pushed outwards, so it follows every body; cut at the neckline by cover. */
  readonly body: Mesh;
  readonly collar: Mesh;
  /** Mean height of the neckline, metres. */
  readonly neckline: number;
}

/** `points`, `normals`: the person at rest. `follow`: how much each skin vertex turns with the head. */
export function dress(surface: Surface, points: Float32Array, normals: Float32Array, follow: Float32Array, look: Look): Clothes {
  const texture = weave(look);
  const { body, sources } = makeBody(surface, points, normals, look, texture);
  body.follow = Float32Array.from(sources, (v) => follow[v] * 0.6);
  const { collar, neckline } = makeCollar(surface, points, look, texture);
  collar.follow = Float32Array.from({ length: collar.count }, (_, i) => body.follow![nearest(body.points, collar.points, i)]);
  return { body, collar, neckline };
}

function nearest(points: Float32Array, to: Float32Array, i: number): number {
  let best = Infinity;
  let found = 0;
  for (let q = 0; q < points.length / 3; q++) {
    const d =
      (to[3 * i] - points[3 * q]) ** 2 + (to[3 * i + 1] - points[3 * q + 1]) ** 2 + (to[3 * i + 2] - points[3 * q + 2]) ** 2;
    if (d < best) {
      best = d;
      found = q;
    }
  }
  return found;
}

function makeBody(
  surface: Surface,
  points: Float32Array,
  normals: Float32Array,
  look: Look,
  texture: Texture,
): { body: Mesh; sources: number[] } {
  const { triangles, rest } = surface;
  const line = (v: number): number => necklineAt(look.cloth.kind, Math.atan2(points[3 * v], points[3 * v + 2] + NECK_Z));
  const place = new Map<number, number>();
  const put = (v: number): number => {
    let i = place.get(v);
    if (i === undefined) place.set(v, (i = place.size));
    return i;
  };
  const out: number[] = [];
  for (let t = 0; t < triangles.length; t += 3) {
    const region = surface.regionOf(t / 3);
    const corners = [triangles[t], triangles[t + 1], triangles[t + 2]];
    if (region === 'mouthInterior' || region === 'eyeSocket') continue;
    if (corners.some((v) => points[3 * v + 1] > line(v) + 0.012 || rest[3 * v + 1] > -0.04)) continue;
    out.push(...corners.map(put));
  }
  const sources = [...place.keys()];
  const skin = {
    points: [] as number[],
    cover: [] as number[],
  };
  for (const v of sources) {
    const below = line(v) - points[3 * v + 1];
    const off = 0.0025 + 0.0045 * ramp(0, 0.03, below) + 0.005 * ramp(0.03, 0.1, below);
    for (let k = 0; k < 3; k++) skin.points.push(points[3 * v + k] + normals[3 * v + k] * off);
    skin.cover.push(below / 0.0012);
  }
  extendCut(out, skin.points, skin.cover, sources);
  const at = Float32Array.from(skin.points);
  const count = at.length / 3;
  const tint = new Float32Array(3 * count);
  const u = new Float32Array(count);
  const v = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [at[3 * i], at[3 * i + 1], at[3 * i + 2]];
    u[i] = clamp(0.5 + (x + (z < -0.03 ? 0.2 : 0)) * 1.9);
    v[i] = clamp((-0.05 - y) * 3.2);
    tint.fill(0.9 + 0.28 * (fractalNoise3(x * 16, y * 9, z * 16, look.seed % 89, 3) - 0.5), 3 * i, 3 * i + 3);
  }
  const body = makeMesh({
    points: at,
    triangles: Int32Array.from(out),
    cover: Float32Array.from(skin.cover),
    u,
    v,
    tint,
    texture,
  });
  return { body, sources };
}

/** The asset ends at the upper arms and chest: its open edges are pulled out of the picture. */
function extendCut(triangles: number[], points: number[], cover: number[], sources: number[]): void {
  const edges = new Map<number, readonly [number, number] | undefined>();
  for (let t = 0; t < triangles.length; t += 3) {
    for (let k = 0; k < 3; k++) {
      const a = triangles[t + k];
      const b = triangles[t + ((k + 1) % 3)];
      const key = a < b ? a * 1e5 + b : b * 1e5 + a;
      edges.set(key, edges.has(key) ? undefined : [a, b]);
    }
  }
  const added = new Map<number, number>();
  const pulled = (v: number): number => {
    let i = added.get(v);
    if (i !== undefined) return i;
    i = cover.length;
    added.set(v, i);
    const x = points[3 * v];
    const arm = Math.abs(x) > 0.14;
    points.push(x + (arm ? Math.sign(x) * 0.07 : 0), points[3 * v + 1] - (arm ? 0.06 : 0.12), points[3 * v + 2]);
    cover.push(cover[v]);
    sources.push(sources[v]);
    return i;
  };
  for (const edge of edges.values()) {
    if (!edge || cover[edge[0]] <= 8) continue;
    const [a, b] = edge;
    triangles.push(b, a, pulled(a), b, pulled(a), pulled(b));
  }
}

const WEAVE_SIDE = 384;
/** Knit rows, .8 to 1.4 mm a texel. */
function weave(look: Look): Texture {
  const n = WEAVE_SIDE;
  const data = new Float32Array(n * n * 3);
  const seed = look.seed % 991;
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      let k = 0.86 + 0.16 * noise3(x * 0.9, y * 0.9, 0, seed) + 0.14 * (fractalNoise3(x * 0.04, y * 0.04, 0, seed, 3) - 0.5);
      k *= 0.9 + 0.13 * Math.abs(Math.sin(x * 0.52 + 0.5 * Math.sin(y * 1.05)));
      data.set(
        look.cloth.colour.map((c) => c * k),
        (y * n + x) * 3,
      );
    }
  }
  return { width: n, height: n, channels: 3, data };
}

const ROUND = 96;
const TUBE = 9;

/** A ribbed tube on the neckline. */
function makeCollar(surface: Surface, points: Float32Array, look: Look, texture: Texture): { collar: Mesh; neckline: number } {
  const { kind } = look.cloth;
  const { height, thick } = COLLAR[kind];
  const angles = Array.from({ length: ROUND }, (_, i) => (i / ROUND) * 2 * Math.PI - Math.PI);
  const heights = angles.map((angle) => necklineAt(kind, angle) - height * 0.35);
  const radii = neckRadii(surface, points, angles, heights);
  const count = ROUND * TUBE;
  const at = new Float32Array(3 * count);
  const u = new Float32Array(count);
  const v = new Float32Array(count);
  const tint = new Float32Array(3 * count);
  for (let i = 0; i < ROUND; i++) {
    for (let j = 0; j < TUBE; j++) {
      const b = (j / (TUBE - 1)) * 2 * Math.PI;
      const k = i * TUBE + j;
      const rib = 1 + 0.1 * (i % 2);
      const r = radii[i] + 0.0035 + thick * rib * Math.cos(b) * 0.8 * (kind === 'turtle' ? 0.55 : 1);
      at.set([Math.sin(angles[i]) * r, heights[i] + Math.sin(b) * height * 0.62, Math.cos(angles[i]) * r - NECK_Z], 3 * k);
      u[k] = (i % 48) / 48;
      v[k] = 0.1 + 0.1 * (j / TUBE);
      tint.fill((i % 2 ? 0.86 : 1.02) * (0.82 + 0.22 * Math.cos(b)), 3 * k, 3 * k + 3);
    }
  }
  const collar = makeMesh({ points: at, triangles: gridTriangles(TUBE, ROUND, true), u, v, tint, texture, twoSided: true });
  return { collar, neckline: heights.reduce((a, b) => a + b, 0) / ROUND };
}

/** Radius of the neck at the neckline, smoothed; angles without skin nearby take the next one's. */
function neckRadii(surface: Surface, points: Float32Array, angles: number[], heights: number[]): number[] {
  const { rest, share } = surface;
  const near: { angle: number; y: number; r: number }[] = [];
  for (let v = 0; v < surface.count; v++) {
    if (rest[3 * v + 1] > -0.035 || points[3 * v + 1] < -0.2 || share.mouthInterior[v] > 0) continue;
    const [x, z] = [points[3 * v], points[3 * v + 2] + NECK_Z];
    near.push({ angle: Math.atan2(x, z), y: points[3 * v + 1], r: Math.hypot(x, z) });
  }
  let radii = angles.map((angle, i) => {
    let sum = 0;
    let weight = 0;
    for (const q of near) {
      const dy = q.y - heights[i];
      if (Math.abs(dy) > 0.011) continue;
      let da = Math.abs(q.angle - angle);
      if (da > Math.PI) da = 2 * Math.PI - da;
      if (da > 0.13) continue;
      const k = bump(dy, 0.005 / Math.SQRT2) * bump(da, 0.06 / Math.SQRT2);
      sum += k * q.r;
      weight += k;
    }
    return weight > 1e-6 ? sum / weight : 0;
  });
  radii = radii.map((r, i) => {
    for (let k = 0; r === 0 && k < ROUND; k++) r = radii[(i + k) % ROUND];
    return r;
  });
  for (let pass = 0; pass < 3; pass++) {
    radii = radii.map((r, i) => (radii[(i + ROUND - 1) % ROUND] + 2 * r + radii[(i + 1) % ROUND]) / 4);
  }
  return radii;
}
