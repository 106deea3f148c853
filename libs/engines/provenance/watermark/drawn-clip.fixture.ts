import type { RgbFrame } from '#kernel';

type Rgb = readonly [number, number, number];
export interface DrawnClip {
  /** Pixels of the square picture. */
  readonly size: number;
  readonly frames: number;
  /** A plain wall of this grey, or a sloping gradient with soft folds. */
  readonly wall?: number;
  /** Another seed is another person before another wall. */
  readonly seed?: number;
  /** Standard deviation of the sensor's noise in grey levels. */
  readonly grain?: number;
}

/** Seeded uniform numbers in [0, 1) (mulberry32). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A nodding, talking head of shaded ellipses: skin, hair, eyes, a moving mouth, a jacket with folds. Nobody's. */
export function drawnClip({ size, frames, wall, seed = 1, grain = 1.2 }: DrawnClip): RgbFrame[] {
  const random = uniform(seed);
  const pick = (from: number, to: number): number => from + (to - from) * random();
  const look = {
    skin: [pick(110, 225), pick(80, 175), pick(60, 140)] as Rgb,
    hair: [pick(20, 130), pick(15, 90), pick(10, 60)] as Rgb,
    coat: [pick(20, 120), pick(30, 120), pick(40, 150)] as Rgb,
    wall: [pick(90, 200), pick(90, 200), pick(90, 200)] as Rgb,
    width: pick(0.17, 0.22),
    height: pick(0.25, 0.3),
    x: pick(0.44, 0.56),
    y: pick(0.4, 0.46),
    fold: pick(9, 23),
    slope: pick(-40, 40),
  };
  return Array.from({ length: frames }, (_, i) => ({
    width: size,
    height: size,
    time: i / 25,
    data: drawFrame(size, i, look, wall, grain, random),
  }));
}

interface Look {
  readonly skin: Rgb;
  readonly hair: Rgb;
  readonly coat: Rgb;
  readonly wall: Rgb;
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
  readonly fold: number;
  readonly slope: number;
}

function drawFrame(
  size: number,
  index: number,
  look: Look,
  wall: number | undefined,
  grain: number,
  random: () => number,
): Uint8Array {
  const data = new Uint8Array(size * size * 3);
  const headX = look.x + 0.012 * Math.sin(index / 9);
  const headY = look.y + 0.008 * Math.sin(index / 6);
  const mouth = 0.012 + 0.014 * Math.abs(Math.sin(index / 2.3));
  for (let py = 0, p = 0; py < size; py++) {
    for (let px = 0; px < size; px++, p += 3) {
      const x = px / size;
      const y = py / size;
      const u = (x - headX) / look.width;
      const v = (y - headY) / look.height;
      const r = Math.hypot(u, v);
      const plain = wall === undefined ? undefined : ([wall, wall, wall] as Rgb);
      let colour: Rgb = plain ?? shade(look.wall, 1 + (look.slope * (x + y - 1)) / 100 + 0.05 * Math.sin(7 * x + 3 * y));
      if (Math.hypot((x - headX) / 0.42, (y - 1.02) / 0.3) < 1)
        colour = shade(look.coat, 0.8 + 0.3 * Math.sin(look.fold * (x + 0.3 * y)) * Math.sin(11 * y));
      if (Math.hypot(u / 1.18, (v + 0.16) / 1.1) < 1) colour = shade(look.hair, 0.9 + 0.25 * Math.sin(40 * u + 9 * v));
      if (r < 1 && v > -0.62) colour = faceAt(look, u, v, r, mouth / look.height);
      const noise = grain === 0 ? 0 : grain * 3.46 * (random() - 0.5);
      // A wall that is blown out or black has no noise either: the sensor clips it.
      const still = plain !== undefined && colour === plain && (wall === 0 || wall === 255);
      for (let c = 0; c < 3; c++) data[p + c] = Math.min(255, Math.max(0, Math.round(colour[c]! + (still ? 0 : noise))));
    }
  }
  return data;
}

function faceAt(look: Look, u: number, v: number, r: number, mouth: number): Rgb {
  for (const eye of [-0.38, 0.38]) {
    const d = Math.hypot((u - eye) / 0.2, (v + 0.12) / 0.09);
    if (d < 0.5) return [30, 25, 20];
    if (d < 1) return [225, 222, 215];
  }
  if (Math.hypot(u / 0.34, (v - 0.55) / mouth) < 1) return [120, 50, 50];
  return shade(look.skin, 1.08 - 0.3 * r * r - 0.12 * u + 0.04 * Math.cos(14 * v));
}

const shade = (colour: Rgb, by: number): Rgb => [colour[0] * by, colour[1] * by, colour[2] * by];
