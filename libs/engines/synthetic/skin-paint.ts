import { type Atlas, growEdges } from './atlas.ts';
import { beardAmount, browAt, hairAmount } from './hairline.ts';
import type { Look } from './look.ts';
import type { Texture } from './mesh.ts';
import { fractalNoise3, noise3, randomStream } from './random.ts';
import { bump, clamp, lerp, mix, ramp, scale, type Vec3 } from './vector.ts';

/** A place on the mean head in millimetres and the noises that several layers share. */
interface Spot {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly ax: number;
  /** 1 on the front of the face, 0 on the sides. */
  readonly front: number;
  /** From the centre of the nearer eye: outwards and up. */
  readonly ex: number;
  readonly ey: number;
  /** Blotches, grain and fine grain, -.5..+.5. */
  readonly blotch: number;
  readonly grain: number;
  readonly fine: number;
}
type Mark = readonly [x: number, y: number, radius: number, strength: number];

/** Skin, lips, brows, painted beard and scalp of one person: linear RGB. Everything is placed in millimetres of the mean head. */
export function paintSkin(atlas: Atlas, look: Look): Texture {
  const { side, place, cover, lips } = atlas;
  const data = new Float32Array(side * side * 3);
  const seed = (look.seed * 13) % 997;
  const marks = new MarkGrid(smallMarks(look));
  for (let p = 0; p < side * side; p++) {
    const o = 3 * p;
    if (!cover[p]) {
      data.set(look.skin, o);
      continue;
    }
    const spot = spotAt(place[o] * 1000, place[o + 1] * 1000, place[o + 2] * 1000, seed);
    let c = complexion(look, spot, seed);
    c = wear(look, spot, c);
    c = markUp(look, spot, c, marks);
    if (lips[p] > 0.02) c = mix(c, lipColour(look, spot, seed), ramp(0.15, 0.85, lips[p]) * 0.88);
    if (look.beard > 0) c = paintBeard(look, spot, c, seed, lips[p]);
    if (spot.front > 0 && spot.ey > 4 && spot.ey < 40) c = paintBrow(look, spot, c, seed);
    data.set(paintScalp(look, spot, c, seed), o);
  }
  growEdges(data, cover, side);
  return { width: side, height: side, channels: 3, data };
}

function spotAt(x: number, y: number, z: number, seed: number): Spot {
  const ax = Math.abs(x);
  return {
    x,
    y,
    z,
    ax,
    front: ramp(55, 75, z),
    ex: ax - 29,
    ey: y - 38.8,
    blotch: fractalNoise3(x * 0.035, y * 0.035, z * 0.035, seed, 3) - 0.5,
    grain: noise3(x * 0.45, y * 0.45, z * 0.45, seed + 3) - 0.5,
    fine: noise3(x * 1.6, y * 1.6, z * 1.6, seed + 9) - 0.5,
  };
}

const brightness = (c: Vec3): number => (c[0] + c[1] + c[2]) / 3;
/** 0 for light, 1 for very dark skin: marks and blush show less on it. */
const darkness = (look: Look): number => clamp((0.35 - brightness(look.skin)) / 0.3);

/** Blood and melanin zones: cheeks, nose, ears and chin redder, the forehead yellower; pores beside the nose. */
function complexion(look: Look, { x, y, z, ax, front, blotch, grain, fine }: Spot, seed: number): Vec3 {
  const base = look.skin;
  const red: Vec3 = [base[0] * 1.03, base[1] * 0.6, base[2] * 0.55];
  const yellow: Vec3 = [base[0] * 1.02, base[1] * 0.98, base[2] * 0.8];
  const blush =
    look.blush *
      (0.42 * bump(ax - 40, 15) * bump(y - 2, 13) * front +
        0.42 * bump(ax, 9) * bump(y - 2, 10) * ramp(95, 105, z) +
        0.14 * bump(ax, 16) * bump(y + 56, 12) * front +
        0.35 * ramp(66, 76, ax)) +
    blotch * 0.28;
  const c = mix(mix(base, red, clamp(blush, 0, 0.65)), yellow, 0.25 * ramp(55, 80, y));
  let k = 1 + blotch * 0.14 + grain * (0.1 + 0.04 * look.age) + fine * 0.12 * (1 - 0.3 * darkness(look));
  const pore = noise3(x * 1.1, y * 1.1, z * 1.1, seed + 21);
  k *= 1 - 0.16 * ramp(0.72, 0.92, pore) * bump(ax - 16, 16) * bump(y - 4, 18) * front;
  return scale(c, k);
}

/** Folds and wrinkles by age, shade round the eyes, lid crease, the dip under the lower lip. */
function wear(look: Look, { x, y, ax, front, ex, ey, blotch }: Spot, c: Vec3): Vec3 {
  const { age } = look;
  const down = clamp((2 - y) / 30);
  const fold = bump(ax - lerp(17, 31, down ** 0.8), 2.4) * ramp(4, -4, y) * ramp(-32, -20, y) * front;
  let lines = (0.05 + 0.16 * age) * fold + (0.05 + 0.2 * age) * bump(ey + 11 + ex * ex * 0.012, 2) * bump(ex, 13) * front;
  if (age > 0.35) {
    const forehead = Math.sin((y + 0.0025 * x * x + 4 * blotch) * 0.62);
    lines += (age - 0.35) * 0.22 * ramp(0.72, 1, forehead) * bump(y - 78, 9) * bump(ax, 34) * front;
    const angle = Math.atan2(ey + 2, ax - 38);
    const crow = ramp(0.7, 1, Math.cos(angle * 9)) * bump(Math.hypot(ax - 38, ey + 2) - 13, 5) * ramp(40, 46, ax);
    lines += (age - 0.35) * 0.3 * crow * front;
  }
  const shade =
    look.socket *
    (0.16 * bump(ax - 18, 6) * bump(ey - 5, 6) +
      0.14 * bump(ex, 15) * bump(ey - 8.5, 3.2) +
      0.16 * bump(ex + 4, 11) * bump(ey + 12, 4)) *
    front;
  const dark = clamp(lines + shade + 0.14 * bump(ax, 12) * bump(y + 41.5, 2.5) * front, 0, 0.6);
  const k = 1 - dark;
  const out: Vec3 = [c[0] * k * (1 - 0.12 * dark), c[1] * k * (1 - 0.4 * dark), c[2] * k * (1 - 0.45 * dark)];
  if (look.lid === 0 || front <= 0.5) return out;
  return mix(out, look.lidColour, look.lid * 0.75 * bump(ex, 13) * bump(ey - 6.5, 3.2));
}

/** Freckles, and the small marks that every skin has: texture that a fit can hold on to. */
function smallMarks(look: Look): Mark[] {
  const random = randomStream(look.seed + 77);
  const marks: Mark[] = [];
  for (let i = 0; i < 260 * look.freckles; i++) {
    marks.push([(random() + random() - 1) * 62, 44 - random() * 50, 0.5 + random() * 0.8, 0.35 + 0.5 * random()]);
  }
  for (let i = 0; i < 26; i++) {
    marks.push([(random() - 0.5) * 130, 95 - random() * 160, 0.35 + random() * 0.5, 0.25 + 0.3 * random()]);
  }
  return marks;
}

/** Marks by 4 mm cell, so that a texel only looks at its neighbours. */
class MarkGrid {
  readonly #cells = new Map<number, Mark[]>();
  constructor(marks: readonly Mark[]) {
    for (const mark of marks) {
      for (let i = -1; i < 2; i++) for (let j = -1; j < 2; j++) this.#put(this.#key(mark[0] + 4 * i, mark[1] + 4 * j), mark);
    }
  }
  near(x: number, y: number): readonly Mark[] {
    return this.#cells.get(this.#key(x, y)) ?? [];
  }
  #key(x: number, y: number): number {
    return Math.floor(x / 4) * 1000 + Math.floor(y / 4);
  }
  #put(key: number, mark: Mark): void {
    const cell = this.#cells.get(key);
    if (cell) cell.push(mark);
    else this.#cells.set(key, [mark]);
  }
}

function markUp(look: Look, { x, y, z }: Spot, c: Vec3, marks: MarkGrid): Vec3 {
  const base = look.skin;
  if (z > 15) {
    const brown: Vec3 = [base[0] * 0.62, base[1] * 0.42, base[2] * 0.32];
    for (const [mx, my, radius, strength] of marks.near(x, y)) {
      const d = (x - mx) ** 2 + (y - my) ** 2;
      if (d < 6) c = mix(c, brown, strength * (0.8 - 0.45 * darkness(look)) * Math.exp(-d / (radius * radius)));
    }
  }
  if (z > 20) {
    for (const [mx, my, radius] of look.moles) {
      const d = (x - mx) ** 2 + (y - my) ** 2;
      if (d < 14) c = mix(c, [base[0] * 0.2, base[1] * 0.13, base[2] * 0.1], 0.88 * Math.exp(-((d / (radius * radius)) ** 1.5)));
    }
  }
  return c;
}

function lipColour(look: Look, { x, y, fine }: Spot, seed: number): Vec3 {
  const base = look.skin;
  const bright = brightness(base);
  const red: Vec3 = look.lip ?? [Math.max(0.12, bright * 0.95), bright * 0.3, bright * 0.32];
  const line = 0.86 + 0.28 * noise3(x * 1.3, y * 0.18, 0, seed + 8) + 0.1 * fine;
  return scale(mix([base[0] * 0.9, base[1] * 0.6, base[2] * 0.58], red, look.lipRed), line);
}

function paintBeard(look: Look, { x, y, z }: Spot, c: Vec3, seed: number, lip: number): Vec3 {
  const amount = beardAmount(look.beardKind, x, y, z) * (lip > 0.3 ? 0.08 : 1);
  if (amount <= 0.01) return c;
  const strokes = noise3(x * 1.5, y * 0.45, z * 0.5, seed + 5) * 0.55 + noise3(x * 2.6, y * 0.9, z, seed + 6) * 0.45;
  const hair = mix(scale(mix(look.hair, look.skin, 0.1), 0.75), [0.34, 0.33, 0.32], look.grey * ramp(0.45, 0.7, strokes));
  return mix(c, hair, clamp(amount * look.beard * (0.2 + strokes * 1.25), 0, 0.94));
}

function paintBrow(look: Look, { x, ax, ey }: Spot, c: Vec3, seed: number): Vec3 {
  const [along, off] = browAt(look, ax, ey);
  const half = look.brow.thick * lerp(3.9, 1.3, ramp(0.35, 1, along)) * (0.65 + 0.35 * ramp(0, 0.12, along));
  const profile = ramp(1.25, 0.45, Math.abs(off) / half) * ramp(-0.02, 0.03, along) * ramp(1, 0.9, along);
  if (profile <= 0.01) return c;
  const lean = lerp(1.25, 0.12, ramp(0, 0.45, along)) * (off > 0 ? 0.6 : 1);
  const s = along * 44;
  const hx = s * Math.cos(lean) + off * Math.sin(lean);
  const hy = -s * Math.sin(lean) + off * Math.cos(lean);
  const layer = x > 0 ? 3 : 9;
  const strokes = noise3(hx * 0.22, hy * 1.9, layer, seed + 31) * 0.55 + noise3(hx * 0.35, hy * 3.1, layer, seed + 32) * 0.45;
  const hair = scale(mix(look.browHair, look.skin, 0.08), 0.7);
  return mix(c, hair, clamp(profile * look.brow.dense * (0.62 + 0.5 * ramp(0.3, 0.65, strokes)), 0, 0.94));
}

/** Hair colour under the ribbons, so that no skin shines through; the ears stay free. */
function paintScalp(look: Look, { x, y, z, ax }: Spot, c: Vec3, seed: number): Vec3 {
  const amount = hairAmount(look, x / 1000, y / 1000, z / 1000);
  if (amount <= -5 || (ax > 70 && z < 22 && z > -18 && y < 46 && y > -12)) return c;
  const strokes = noise3(x * 0.9, y * 0.9, z * 0.35, seed + 41);
  const cover = ramp(-4.5, 3.5, amount + 4 * (strokes - 0.5)) * (look.style === 'buzz' ? 0.78 : 0.94);
  return mix(c, scale(look.hair, 0.45 + 0.5 * strokes), cover);
}
