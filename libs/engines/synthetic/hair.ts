import { hairAmount, skullAngles } from './hairline.ts';
import { type HeadRadii, measureRadii } from './head-radii.ts';
import { isFuzzy, type StyleRule, STYLES, strandTexture } from './hair-styles.ts';
import type { Look } from './look.ts';
import { makeMesh, type Mesh } from './mesh.ts';
import { randomStream } from './random.ts';
import type { Surface } from './surface.ts';
import { clamp, cross, dot, lerp, pointAt, ramp, scale, unit, type Vec3 } from './vector.ts';

/** Hair as flat ribbons; each carries a strand texture with cover, so that ends and outlines are ragged like hair. */
export interface HairMesh extends Mesh {
  /** Direction along the ribbon, and away from the head. */
  readonly along: Float32Array;
  readonly away: Float32Array;
  readonly colours: Float32Array;
  readonly texture: NonNullable<Mesh['texture']>;
  readonly cover: Float32Array;
  readonly occlusion: Float32Array;
  readonly u: Float32Array;
  readonly v: Float32Array;
  /** Darkening towards the roots and the inner layers. */
  readonly depth: Float32Array;
  readonly alongTurned: Float32Array;
  readonly awayTurned: Float32Array;
}

/** The rested head that hair grows on. */
export interface Scalp {
  readonly surface: Surface;
  readonly points: Float32Array;
  readonly normals: Float32Array;
  /** How much higher than the mean head's crown this one is, halved, in metres. */
  readonly raise: number;
}

/** Everything that one ribbon needs while it grows. */
interface Growth {
  readonly look: Look;
  readonly rule: StyleRule;
  readonly centre: Vec3;
  readonly radii: HeadRadii;
  readonly knot: Vec3;
  readonly random: () => number;
  readonly curl: number;
  readonly mesh: HairMesh;
}

interface Root {
  readonly at: Vec3;
  readonly normal: Vec3;
  /** Degrees above the hairline. */
  readonly edge: number;
  readonly azimuth: number;
  readonly elevation: number;
}

/** Grows the hair of a person; ribbons are stored outermost first, so that hidden ones fail the depth test early. */
export function growHair(scalp: Scalp, look: Look): HairMesh {
  const rule = STYLES[look.style];
  const random = randomStream(look.seed * 7 + 5);
  const centre: Vec3 = [0, 0.055 + scalp.raise, -0.012];
  const mesh = emptyHair(look, rule);
  const growth: Growth = {
    look,
    rule,
    centre,
    random,
    mesh,
    radii: measureRadii(scalp.points, centre),
    knot: [0, 0.125 + scalp.raise, -0.098],
    curl: rule.curl,
  };
  const pick = rootPicker(scalp, look, rule, random);
  for (let s = 0; s < rule.ribbons; s++) growRibbon(growth, pick(), s);
  if (look.style === 'bun') windBun(growth);
  sortOutermostFirst(mesh, rule);
  return mesh;
}

const layerOf = (ribbon: number): number => (ribbon * 0.6180339) % 1;

function emptyHair(look: Look, rule: StyleRule): HairMesh {
  const count = rule.ribbons * (rule.segments + 1) * 2;
  const row = (): Float32Array => new Float32Array(count);
  const rows = (): Float32Array => new Float32Array(3 * count);
  return {
    ...makeMesh({ points: rows(), triangles: new Int32Array(rule.ribbons * rule.segments * 6), follow: row(), twoSided: true }),
    along: rows(),
    away: rows(),
    colours: rows(),
    texture: strandTexture(look),
    cover: row(),
    occlusion: row().fill(1),
    u: row(),
    v: row(),
    depth: row(),
    alongTurned: rows(),
    awayTurned: rows(),
  };
}

/** Roots spread by area above the hairline, denser along it; hanging styles need fewer at the back. */
function rootPicker({ surface, points, normals }: Scalp, look: Look, rule: StyleRule, random: () => number): () => Root {
  const corners: [number, number, number][] = [];
  const sums: number[] = [];
  let total = 0;
  const { triangles, rest } = surface;
  for (let t = 0; t < triangles.length; t += 3) {
    const region = surface.regionOf(t / 3);
    if (region === 'mouthInterior' || region === 'eyeSocket' || region === 'torso') continue;
    const [a, b, c] = [triangles[t], triangles[t + 1], triangles[t + 2]];
    const [x, y, z] = [0, 1, 2].map((k) => (rest[3 * a + k] + rest[3 * b + k] + rest[3 * c + k]) / 3) as [number, number, number];
    if (y < -0.045 || surface.share.ears[a] > 0.4) continue;
    const amount = hairAmount(look, x, y, z);
    if (amount < 0.5) continue;
    const edge = (from: number, to: number): Vec3 => {
      const [p, q] = [pointAt(points, from), pointAt(points, to)];
      return [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
    };
    total +=
      Math.hypot(...cross(edge(a, b), edge(a, c))) * (0.55 + 0.45 * ramp(8, 0, amount)) * (rule.hangs && z < -0.03 ? 0.5 : 1);
    corners.push([a, b, c]);
    sums.push(total);
  }
  return () => {
    const x = random() * total;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < x) low = middle + 1;
      else high = middle;
    }
    const [i, j, k] = corners[low];
    let a = random();
    let b = random();
    if (a + b > 1) [a, b] = [1 - a, 1 - b];
    const at = (row: Float32Array): Vec3 =>
      [0, 1, 2].map((q) => row[3 * i + q] * (1 - a - b) + row[3 * j + q] * a + row[3 * k + q] * b) as unknown as Vec3;
    const place = at(rest);
    const [azimuth, elevation] = skullAngles(...place);
    return { at: at(points), normal: unit(at(normals)), edge: hairAmount(look, ...place), azimuth, elevation };
  };
}

/** Where a ribbon first points, and how long it gets. */
function flowOf({ look, rule, knot, random }: Growth, root: Root): { flow: Vec3; length: number } {
  const { at: p, normal, azimuth, elevation, edge } = root;
  const front = ramp(70, 20, Math.abs(azimuth));
  const top = ramp(0, 40, elevation);
  const side = Math.sign(p[0] - look.part * 0.022 + 1e-5) || 1;
  const length = rule.length * look.hairLength * (0.72 + 0.4 * random());
  switch (look.style) {
    case 'crop':
    case 'buzz': {
      const kept = look.style === 'crop' ? lerp(0.28, 1, ramp(8, 42, elevation)) : 1;
      const flow = look.up
        ? unit([0.3 * side, 0.6, -0.25 + 0.3 * (random() - 0.5)])
        : unit([
            0.35 * side * (1 - front) + 0.35 * (random() - 0.5),
            -0.35 + 0.25 * top,
            lerp(-0.2, 0.9, ramp(-0.08, 0.05, p[2])),
          ]);
      return { flow, length: length * kept };
    }
    case 'swept':
      return {
        flow: unit([side * (0.35 + 0.65 * top), 0.05 + 0.35 * front * ramp(30, 8, edge) - 0.4 * (1 - top), -0.75]),
        length: length * lerp(0.22, 1, ramp(6, 40, elevation)),
      };
    case 'curls': {
      const sides = look.fade ? lerp(0.35, 1, ramp(0, 25, elevation)) : 1;
      return {
        flow: unit([normal[0], normal[1] + 0.15, normal[2]]),
        length: length * lerp(0.3, 1, ramp(2, 36, elevation)) * sides,
      };
    }
    case 'afro':
      return {
        flow: unit([normal[0], normal[1] + 0.2, normal[2]]),
        length: length * lerp(0.45, 1, ramp(-25, 30, elevation)) * (0.55 + 0.45 * ramp(0, 12, edge)),
      };
    case 'bun': {
      const to: Vec3 = [knot[0] - p[0], knot[1] - p[1], knot[2] - p[2]];
      return { flow: unit(to), length: Math.min(0.2, 1.18 * Math.hypot(...to)) };
    }
    case 'bob':
    case 'long':
    case 'wavy':
      if (look.fringe && Math.abs(azimuth) < 34 && edge < 24) {
        return { flow: unit([0.25 * (random() - 0.5) + 0.15 * side, -0.1, 1]), length: 0.075 * (0.85 + 0.3 * random()) };
      }
      return {
        flow: unit([
          side * lerp(0.25, 1.15, ramp(5, 50, elevation)),
          lerp(-1, 0.1, ramp(0, 48, elevation)),
          p[2] > 0.03 ? -0.55 : -0.25,
        ]),
        length,
      };
  }
}

function ribbonColour({ look, random }: Growth): Vec3 {
  const shade = 0.72 + 0.5 * random();
  const hue = random() - 0.5;
  if (look.grey > 0 && random() < look.grey) {
    const g = 0.42 * (0.7 + 0.5 * random());
    return [g, g * 0.98, g * 0.95];
  }
  const { hair } = look;
  return [hair[0] * shade * (1 + 0.14 * hue), hair[1] * shade, hair[2] * shade * (1 - 0.14 * hue)];
}

function growRibbon(growth: Growth, root: Root, ribbon: number): void {
  const { look, rule, random, mesh, centre, radii } = growth;
  const { segments, hangs } = rule;
  const top = ramp(0, 40, root.elevation);
  const { flow, length } = flowOf(growth, root);
  const layer = layerOf(ribbon);
  const stand = 0.0015 + rule.thickness * look.volume * layer * ramp(-1, 9, root.edge) * (hangs ? 1 : 0.35 + 0.65 * top);
  const phase = random() * 6.28;
  const frequency = 5 + 3 * random();
  const width = rule.width * (0.7 + 0.6 * random());
  const tint = ribbonColour(growth);
  const out = unit([root.at[0], 0, root.at[2] + 0.012]);
  let p = root.at;
  let direction = flow;
  for (let k = 0; k <= segments; k++) {
    const t = k / segments;
    const from: Vec3 = [p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]];
    const r = Math.hypot(...from);
    const above = p[1] > centre[1] - 0.075;
    if (above) {
      const need = radii(...from) + stand * Math.min(1, 0.25 + t * 3);
      if (r < need) p = [0, 1, 2].map((i) => centre[i] + (from[i] * need) / r) as unknown as Vec3;
    }
    const radial = scale(from, 1 / r);
    const normal = hangs && !above ? unit([radial[0], radial[1] * 0.2, radial[2]]) : radial;
    const across = unit(cross(unit(direction), normal));
    putPair(growth, { ribbon, k, t, p, direction: unit(direction), normal, across, width, phase, tint, edge: root.edge, layer });
    direction = nextDirection(growth, { t, k, p, direction, normal, across, above, top, phase, frequency, out });
    const step = length / segments;
    p = [p[0] + direction[0] * step, p[1] + direction[1] * step, p[2] + direction[2] * step];
    if (hangs) p = keepFaceFree(p, step);
  }
  for (let k = 0; k < segments; k++) {
    const v = (ribbon * (segments + 1) + k) * 2;
    mesh.triangles.set([v, v + 1, v + 2, v + 1, v + 3, v + 2], (ribbon * segments + k) * 6);
  }
}

interface Knot {
  readonly ribbon: number;
  readonly k: number;
  readonly t: number;
  readonly p: Vec3;
  readonly direction: Vec3;
  readonly normal: Vec3;
  readonly across: Vec3;
  readonly width: number;
  readonly phase: number;
  readonly tint: Vec3;
  readonly edge: number;
  readonly layer: number;
}

/** The two vertices of a ribbon at one knot. */
function putPair({ mesh, rule, look }: Growth, knot: Knot): void {
  const { ribbon, k, t, p, direction, normal, across, phase, tint, edge, layer } = knot;
  const curly = look.style === 'afro' || look.style === 'curls';
  const spread =
    knot.width * (rule.hangs ? 0.6 + 0.4 * Math.sin(Math.PI * Math.min(1, t * 1.2)) - 0.4 * ramp(0.8, 1, t) : 1 - 0.55 * t);
  const wide = curly
    ? unit([across[0] + Math.cos(phase + k * 2), across[1] + Math.sin(phase + k * 2), across[2] + Math.cos(phase * 2 + k)])
    : across;
  // Inner layers of hanging hair stay whole almost to their ends: the room must not shine through beside the face.
  const solid = rule.hangs && layer < 0.7 ? 0.85 : 0.45;
  for (let e = 0; e < 2; e++) {
    const q = (ribbon * (rule.segments + 1) + k) * 2 + e;
    const sign = e === 0 ? -1 : 1;
    for (let i = 0; i < 3; i++) {
      mesh.points[3 * q + i] = p[i] + wide[i] * spread * 0.5 * sign;
      mesh.along[3 * q + i] = direction[i];
      mesh.away[3 * q + i] = normal[i] + 0.35 * wide[i] * sign;
      mesh.colours[3 * q + i] = tint[i] * lerp(0.62, 1.08, Math.min(1, t * 1.6));
    }
    mesh.u[q] = e === 0 ? 0.02 : 0.98;
    mesh.v[q] = clamp(0.02 + ((t * 0.9 + phase / 6.28) % 1) * 0.5 + t * 0.45, 0, 0.99);
    mesh.cover[q] = k === 0 ? (edge < 5 ? 0.25 : 0.7) : lerp(1, curly ? 0.75 : rule.hangs ? 0.45 : 0.18, ramp(solid, 1, t));
    mesh.follow![q] = rule.hangs ? lerp(0.3, 1, ramp(-0.13, 0, p[1])) : 1;
    mesh.depth[q] = lerp(0.5, 1, Math.min(1, 0.3 * layer + 0.7 * (k === 0 ? 0 : Math.min(1, 0.35 + t))));
  }
}

interface Step {
  readonly t: number;
  readonly k: number;
  readonly p: Vec3;
  readonly direction: Vec3;
  readonly normal: Vec3;
  readonly across: Vec3;
  readonly above: boolean;
  readonly top: number;
  readonly phase: number;
  readonly frequency: number;
  readonly out: Vec3;
}

function nextDirection({ look, rule, knot, curl }: Growth, s: Step): Vec3 {
  const { t, k, p, direction, normal, across } = s;
  const { hangs } = rule;
  const into = s.above ? dot(direction, normal) * 0.8 : 0;
  const tangent: Vec3 = [direction[0] - normal[0] * into, direction[1] - normal[1] * into, direction[2] - normal[2] * into];
  if (look.style === 'bun') {
    const to = unit([knot[0] - p[0], knot[1] - p[1], knot[2] - p[2]]);
    return unit([tangent[0] * 0.4 + to[0], tangent[1] * 0.4 + to[1], tangent[2] * 0.4 + to[2]]);
  }
  const lift = rule.lift * (hangs ? s.top : 1) * Math.max(0, 1 - t * (hangs ? 3 : 1.3)) * 0.6;
  const wave = curl * (hangs ? ramp(0.15, 0.6, t) : 1);
  const angle = s.phase + k * (hangs ? 1.15 : s.frequency * 0.4);
  const cx = wave * Math.cos(angle);
  const cy = wave * Math.sin(angle) * 0.5;
  const gravity = rule.gravity * (hangs ? ramp(0, 0.35, t) + 0.25 : 1);
  const outward = hangs ? 0.055 : 0;
  const next = unit([
    tangent[0] + normal[0] * (lift + cy) + across[0] * cx + s.out[0] * outward,
    tangent[1] + normal[1] * (lift + cy) + across[1] * cx - gravity,
    tangent[2] + normal[2] * (lift + cy) + across[2] * cx + s.out[2] * outward,
  ]);
  if (!hangs || t <= 0.3 || p[1] >= -0.04) return next;
  const tuck =
    look.style === 'bob'
      ? -0.4 * ramp(0.55, 1, t)
      : -0.16 * ramp(-0.04, -0.08, p[1]) * ramp(0.05, 0.085, Math.hypot(p[0], p[2] + 0.012));
  return unit([next[0] * 0.55 + s.out[0] * tuck + cx * across[0] * 0.35, -1, next[2] * 0.55 + s.out[2] * tuck]);
}

/** Hanging hair stays beside the face and slides forwards over the shoulders. */
function keepFaceFree(p: Vec3, step: number): Vec3 {
  const ax = Math.abs(p[0]);
  let [x, , z] = p;
  if (p[1] < -0.09 && z > -0.04 && p[1] < -0.105 - 0.55 * Math.max(0, ax - 0.06)) z += 0.5 * step;
  if (ax < 0.068 && p[1] < 0.06 && p[1] > -0.2 && z > 0.01) x = Math.sign(x) * Math.min(0.076, ax + 0.008);
  return [x, p[1], z];
}

/** A ball of wound ribbons: takes over the last ones grown. */
function windBun({ mesh, rule, random, knot }: Growth): void {
  const per = (rule.segments + 1) * 2;
  for (let s = rule.ribbons - 220; s < rule.ribbons; s++) {
    const start = random() * 6.28;
    const tilt = (random() - 0.5) * 2.4;
    const radius = 0.026 * (0.86 + 0.16 * random());
    for (let k = 0; k <= rule.segments; k++) {
      const a = start + (k / rule.segments) * 2.4;
      const d = unit([Math.cos(a), Math.sin(a) * Math.cos(tilt), Math.sin(a) * Math.sin(tilt)]);
      const along = unit([-Math.sin(a), Math.cos(a) * Math.cos(tilt), Math.cos(a) * Math.sin(tilt)]);
      const across = unit(cross(along, d));
      for (let e = 0; e < 2; e++) {
        const q = s * per + k * 2 + e;
        const centre: Vec3 = [knot[0], knot[1] + 0.012, knot[2] - 0.008];
        for (let i = 0; i < 3; i++) {
          mesh.points[3 * q + i] = centre[i] + d[i] * radius + across[i] * 0.0035 * (e === 0 ? -1 : 1);
          mesh.along[3 * q + i] = along[i];
          mesh.away[3 * q + i] = d[i];
        }
        mesh.cover[q] = k === 0 || k === rule.segments ? 0.5 : 1;
        mesh.depth[q] = 0.85;
      }
    }
  }
}

function sortOutermostFirst(mesh: HairMesh, rule: StyleRule): void {
  const per = rule.segments * 6;
  const from = mesh.triangles.slice();
  const order = Array.from({ length: rule.ribbons }, (_, s) => s).sort((x, y) => layerOf(y) - layerOf(x));
  order.forEach((s, i) => mesh.triangles.set(from.subarray(s * per, (s + 1) * per), i * per));
}

export { isFuzzy };
