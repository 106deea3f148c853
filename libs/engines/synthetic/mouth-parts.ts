import { type HeadAsset, regionVertices } from '#face';
import { type ExposedLight, lightMesh } from './light.ts';
import { makeMesh, type Mesh } from './mesh.ts';
import type { Surface } from './surface.ts';
import { bump, clamp, lerp, ramp, type Vec3 } from './vector.ts';

/** A region of the asset drawn as it is: teeth, tongue, lashes. */
export interface Part extends Mesh {
  /** Control vertex of each vertex. */
  readonly source: readonly number[];
}

function makePart(asset: HeadAsset, region: string, given: Partial<Mesh> = {}): Part {
  const source = regionVertices(asset, region);
  const place = new Map(source.map((v, i) => [v, i]));
  const r = asset.regions.indexOf(region);
  const triangles: number[] = [];
  asset.triangleRegion.forEach((q, t) => {
    if (q === r) for (let c = 0; c < 3; c++) triangles.push(place.get(asset.triangles[3 * t + c])!);
  });
  const mesh = makeMesh({
    points: new Float32Array(3 * source.length),
    triangles: Int32Array.from(triangles),
    follow: new Float32Array(source.length).fill(1),
    ...given,
  });
  return { ...mesh, source };
}

export function movePart(part: Part, control: Float32Array): void {
  part.source.forEach((v, i) => {
    for (let k = 0; k < 3; k++) part.points[3 * i + k] = control[3 * v + k];
  });
}

interface MouthPart {
  readonly part: Part;
  readonly colour: Vec3;
  readonly gloss: number;
  /** Half width in metres of what light reaches. */
  readonly wide: number;
  /** Brightness of a nearly closed mouth, and what opening it adds. */
  readonly shut: number;
  readonly open: number;
}
export type Mouth = readonly MouthPart[];

export const makeMouth = (asset: HeadAsset): Mouth => [
  { part: makePart(asset, 'teethUpper'), colour: [0.8, 0.74, 0.64], gloss: 0.12, wide: 0.0145, shut: 0.3, open: 0.45 },
  { part: makePart(asset, 'teethLower'), colour: [0.72, 0.66, 0.57], gloss: 0.12, wide: 0.0145, shut: 0.12, open: 0.3 },
  { part: makePart(asset, 'tongue'), colour: [0.42, 0.14, 0.13], gloss: 0.03, wide: 0.02, shut: 0.08, open: 0.3 },
];

/** Light falls in from the front: darker to the back and the sides, brighter the wider the mouth. `open` 0..1. */
export function lightMouth({ part, colour, gloss, wide, shut, open: gain }: MouthPart, light: ExposedLight, open: number): void {
  lightMesh(part, light, { wrap: [0.5, 0.45, 0.4], gloss, colour });
  const bright = shut + gain * open;
  for (let i = 0; i < part.count; i++) {
    const f = bright * ramp(0.05, 0.092, part.points[3 * i + 2]) * (0.08 + 0.92 * bump(part.points[3 * i], wide)) + 0.015;
    for (let c = 0; c < 3; c++) part.light[3 * i + c] *= f;
    part.gloss[i] *= f;
  }
}

/** What a ray sees that leaves the mouth bag: the inside of the cheeks, as reversed dark triangles of the face's own vertices. */
export function makeMouthBacking(surface: Surface, face: Mesh): Mesh {
  const { rest, share } = surface;
  const triangles: number[] = [];
  for (let t = 0; t < face.triangles.length; t += 3) {
    const [a, b, c] = [face.triangles[t], face.triangles[t + 1], face.triangles[t + 2]];
    const y = rest[3 * a + 1];
    if (y < 0.03 && y > -0.1 && rest[3 * a + 2] > -0.02 && share.mouthInterior[a] < 0.5) triangles.push(a, c, b);
  }
  const light = new Float32Array(3 * face.count);
  for (let v = 0; v < face.count; v++) light.set([0.035, 0.012, 0.01], 3 * v);
  const { points, x, y, z } = face;
  return { ...makeMesh({ points, triangles: Int32Array.from(triangles), x, y, z, light }), gloss: new Float32Array(face.count) };
}

/** Lash cards, thinned out towards their tips: drawn whole they look like eyeliner and move the lid landmarks. */
export function makeLashes(asset: HeadAsset, lashes: number): Part {
  const part = makePart(asset, 'lashes', { twoSided: true });
  const at = asset.positions;
  const reach = (v: number): number => {
    const { pivot } = asset.eyes[at[3 * v] > 0 ? 'left' : 'right'];
    return Math.hypot(at[3 * v] - at[3 * pivot], at[3 * v + 1] - at[3 * pivot + 1], at[3 * v + 2] - at[3 * pivot + 2]);
  };
  const near = Math.min(...part.source.map(reach));
  const cover = Float32Array.from(part.source, (v) => {
    const { pivot } = asset.eyes[at[3 * v] > 0 ? 'left' : 'right'];
    const upper = at[3 * v + 1] > at[3 * pivot + 1] - 0.001 ? 1 : 0.45;
    const out = clamp((reach(v) - near - 0.0006) / lerp(0.003, 0.006, lashes));
    return upper * (0.5 + 0.5 * lashes) * lerp(1.1, -0.15, out);
  });
  part.light.fill(0.012);
  return { ...part, cover };
}

/** How close each lid vertex is to the roots of the lashes, 0..1: the dark line that makes an eye look drawn-in without liner. */
export function lashLine(asset: HeadAsset, surface: Surface, lashes: Part): Float32Array {
  const at = asset.positions;
  const roots = lashes.source.filter((v, i) => lashes.cover![i] > 0.35 * (at[3 * v + 1] > 0.037 ? 1 : 0.45));
  const out = new Float32Array(surface.count);
  const { rest, share } = surface;
  for (let i = 0; i < surface.count; i++) {
    if ((share.eyelids[i] <= 0.2 && share.eyeSocket[i] <= 0.2) || rest[3 * i + 2] < 0.07) continue;
    let best = Infinity;
    for (const v of roots) {
      best = Math.min(
        best,
        (rest[3 * i] - at[3 * v]) ** 2 + (rest[3 * i + 1] - at[3 * v + 1]) ** 2 + (rest[3 * i + 2] - at[3 * v + 2]) ** 2,
      );
    }
    out[i] = ramp(0.0022, 0.0007, Math.sqrt(best)) * (rest[3 * i + 1] > 0.0375 ? 1 : 0.3);
  }
  return out;
}
