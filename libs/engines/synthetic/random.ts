/** A repeatable stream of numbers in 0..1 (mulberry32): the same seed gives the same stream everywhere. */
export function randomStream(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function latticeValue(x: number, y: number, z: number, seed: number): number {
  let h = (Math.imul(x, 374761393) + Math.imul(y, 668265263) + Math.imul(z, 2147483647) + Math.imul(seed, 1274126177)) | 0;
  h = Math.imul(h ^ (h >>> 13), 1274126177);
  h = Math.imul(h ^ (h >>> 15), 2246822519);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** Value noise in three dimensions, 0..1. Three, so that paint on a surface has no seams. */
export function noise3(x: number, y: number, z: number, seed = 0): number {
  const i = Math.floor(x);
  const j = Math.floor(y);
  const k = Math.floor(z);
  let u = x - i;
  let v = y - j;
  let w = z - k;
  u = u * u * (3 - 2 * u);
  v = v * v * (3 - 2 * v);
  w = w * w * (3 - 2 * w);
  const row = (b: number, c: number): number => {
    const from = latticeValue(i, b, c, seed);
    return from + (latticeValue(i + 1, b, c, seed) - from) * u;
  };
  const near = row(j, k) + (row(j + 1, k) - row(j, k)) * v;
  const far = row(j, k + 1) + (row(j + 1, k + 1) - row(j, k + 1)) * v;
  return near + (far - near) * w;
}

/** Noise summed over octaves, each finer and weaker, 0..1. */
export function fractalNoise3(x: number, y: number, z: number, seed = 0, octaves = 3): number {
  let sum = 0;
  let amplitude = 0.5;
  let total = 0;
  for (let k = 0; k < octaves; k++) {
    sum += amplitude * noise3(x, y, z, seed + 17 * k);
    total += amplitude;
    amplitude *= 0.55;
    x *= 2.03;
    y *= 2.03;
    z *= 2.03;
  }
  return sum / total;
}
