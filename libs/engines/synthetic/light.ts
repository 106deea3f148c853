import { CAMERA } from './camera.ts';
import { isFuzzy } from './hair-styles.ts';
import type { HairMesh } from './hair.ts';
import type { HairStyle } from './look.ts';
import type { Mesh } from './mesh.ts';
import { unit, type Vec3 } from './vector.ts';

export interface Lamp {
  /** Towards the lamp, length 1. */
  readonly from: Vec3;
  /** Linear RGB; 1 is a bright key light. */
  readonly colour: Vec3;
}

/** The light of a take. The first lamp is the key: it alone casts shadows. */
export interface LightSetup {
  readonly lamps: readonly Lamp[];
  readonly sky: Vec3;
  readonly ground: Vec3;
  /** Exposure, 1 = as designed. */
  readonly gain: number;
}

export const lamp = (x: number, y: number, z: number, colour: Vec3): Lamp => ({ from: unit([x, y, z]), colour });

/** Light after exposure, as numbers that the loops read. */
export interface ExposedLight {
  readonly lamps: readonly Lamp[];
  readonly sky: Vec3;
  readonly ground: Vec3;
}

export function expose({ lamps, sky, ground, gain }: LightSetup, extra: readonly Lamp[] = []): ExposedLight {
  const times = (c: Vec3): Vec3 => [c[0] * gain, c[1] * gain, c[2] * gain];
  return {
    lamps: [...lamps.map(({ from, colour }) => ({ from, colour: times(colour) })), ...extra],
    sky: times(sky),
    ground: times(ground),
  };
}

export interface Surfacing {
  /** How far light wraps round, per channel: red reaches furthest under skin, so shadows end warm. */
  readonly wrap: Vec3;
  readonly gloss?: number;
  /** Rim brightening. */
  readonly rim?: number;
  readonly colour?: Vec3;
  readonly glossMap?: Float32Array;
}

/** Lights the vertices that face the camera; the rest of a closed mesh is never drawn. */
export function lightMesh(mesh: Mesh, light: ExposedLight, how: Surfacing): void {
  const { placed, normals, light: L, gloss: S, count, tint, occlusion, lit, twoSided } = mesh;
  const { lamps, sky, ground } = light;
  const [wr, wg, wb] = how.wrap;
  const [kr, kg, kb] = [1 / (1 + wr), 1 / (1 + wg), 1 / (1 + wb)];
  const gloss = how.gloss ?? 0;
  const rim = how.rim ?? 0;
  const colour = how.colour ?? [1, 1, 1];
  for (let i = 0, a = 0; i < count; i++, a += 3) {
    let nx = normals[a];
    let ny = normals[a + 1];
    let nz = normals[a + 2];
    let vx = -placed[a];
    let vy = CAMERA.centreY - placed[a + 1];
    let vz = CAMERA.distance - placed[a + 2];
    const vl = 1 / Math.sqrt(vx * vx + vy * vy + vz * vz);
    vx *= vl;
    vy *= vl;
    vz *= vl;
    let facing = nx * vx + ny * vy + nz * vz;
    if (facing < 0) {
      if (!twoSided && facing < -0.5) continue;
      if (twoSided) {
        nx = -nx;
        ny = -ny;
        nz = -nz;
        facing = -facing;
      }
    }
    const up = ny * 0.5 + 0.5;
    const open = occlusion ? occlusion[i] : 1;
    const openKey = 0.35 + 0.65 * open;
    const reach = lit[i];
    let r = (ground[0] + (sky[0] - ground[0]) * up) * (open * 0.88 + 0.12);
    let g = (ground[1] + (sky[1] - ground[1]) * up) * open;
    let b = (ground[2] + (sky[2] - ground[2]) * up) * open;
    let s = 0;
    for (let k = 0; k < lamps.length; k++) {
      const d = lamps[k].from;
      const c = lamps[k].colour;
      const share = k === 0 ? reach * openKey : open;
      const nl = nx * d[0] + ny * d[1] + nz * d[2];
      let e = (nl + wr) * kr;
      // A little red comes through thin skin even in the shadow.
      if (e > 0) r += c[0] * e * (share + 0.035 * (1 - share));
      e = (nl + wg) * kg;
      if (e > 0) g += c[1] * e * share;
      e = (nl + wb) * kb;
      if (e > 0) b += c[2] * e * share;
      if (gloss === 0 || nl <= 0) continue;
      const hx = d[0] + vx;
      const hy = d[1] + vy;
      const hz = d[2] + vz;
      const nh = (nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz);
      if (nh <= 0.5) continue;
      let q = nh * nh;
      q *= q;
      q *= q;
      q *= q;
      s += share * c[1] * gloss * (q + 0.5 * q * q * q);
    }
    const edge = 1 - (facing < 0 ? 0 : facing);
    s += rim * edge * edge * edge * edge * open;
    r *= colour[0];
    g *= colour[1];
    b *= colour[2];
    if (tint) {
      r *= tint[a];
      g *= tint[a + 1];
      b *= tint[a + 2];
      if (tint[a + 1] < 1) s *= tint[a + 1];
    }
    L[a] = r;
    L[a + 1] = g;
    L[a + 2] = b;
    S[i] = how.glossMap ? s * how.glossMap[i] : s;
  }
}

/** Hair: diffuse by the angle between strand and light, and two bands of highlights across the strands. */
export function lightHair(mesh: HairMesh, light: ExposedLight, style: HairStyle): void {
  const { alongTurned: T, awayTurned: N, light: L, gloss: S, count, colours, occlusion, lit } = mesh;
  const { lamps, sky, ground } = light;
  const fuzzy = isFuzzy(style);
  const shine = fuzzy ? 0.01 : 0.085;
  for (let i = 0, a = 0; i < count; i++, a += 3) {
    const nx = N[a];
    const ny = N[a + 1];
    const nz = N[a + 2];
    const tx = T[a];
    const ty = T[a + 1];
    const tz = T[a + 2];
    const open = occlusion[i];
    const up = ny * 0.5 + 0.5;
    let r = (ground[0] + (sky[0] - ground[0]) * up) * open;
    let g = (ground[1] + (sky[1] - ground[1]) * up) * open;
    let b = (ground[2] + (sky[2] - ground[2]) * up) * open;
    let s = 0;
    for (let k = 0; k < lamps.length; k++) {
      const d = lamps[k].from;
      const c = lamps[k].colour;
      const share = (k === 0 ? lit[i] : 1) * open;
      const nl = nx * d[0] + ny * d[1] + nz * d[2];
      const td = tx * d[0] + ty * d[1] + tz * d[2];
      const across = 1 - td * td;
      let e = (nl + 0.35) / 1.35;
      e = e > 0 ? e * (fuzzy ? 0.85 : 0.4 + 0.6 * Math.sqrt(across > 0 ? across : 0)) * share : 0;
      r += c[0] * e;
      g += c[1] * e;
      b += c[2] * e;
      if (nl <= -0.1) continue;
      const hz = d[2] + 1;
      const th = (tx * d[0] + ty * d[1] + tz * hz) / Math.sqrt(d[0] * d[0] + d[1] * d[1] + hz * hz);
      let q = 1 - th * th;
      if (q <= 0) continue;
      q *= q;
      q *= q;
      const q8 = q * q;
      s += (0.25 * q8 + q8 * q8 * q) * (nl + 0.1 < 1 ? nl + 0.1 : 1) * c[1] * share;
    }
    L[a] = r * colours[a];
    L[a + 1] = g * colours[a + 1];
    L[a + 2] = b * colours[a + 2];
    const bright = 2.2 * (colours[a] + colours[a + 1]);
    S[i] = s * shine * (0.35 + (bright < 1 ? bright : 1));
  }
}
