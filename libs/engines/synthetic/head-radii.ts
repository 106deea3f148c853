import { clamp, lerp, type Vec3 } from './vector.ts';

const ROUND = 96;
const HIGH = 48;

/** Distance of the skin from a centre by direction, for keeping hair outside the head. */
export type HeadRadii = (x: number, y: number, z: number) => number;

export function measureRadii(points: Float32Array, centre: Vec3): HeadRadii {
  let table = largestRadii(points, centre);
  fillHoles(table);
  for (let pass = 0; pass < 2; pass++) table = smoothed(table);
  const at = (u: number, v: number): number => table[v * ROUND + (((u % ROUND) + ROUND) % ROUND)];
  return (x, y, z) => {
    const r = Math.hypot(x, y, z) || 1e-6;
    const u = (Math.atan2(x, z) / (2 * Math.PI) + 0.5) * ROUND - 0.5;
    const v = clamp((Math.asin(y / r) / Math.PI + 0.5) * HIGH - 0.5, 0, HIGH - 1.001);
    const i = Math.floor(u);
    const j = Math.floor(v);
    return lerp(lerp(at(i, j), at(i + 1, j), u - i), lerp(at(i, j + 1), at(i + 1, j + 1), u - i), v - j);
  };
}

function largestRadii(points: Float32Array, centre: Vec3): Float32Array {
  const table = new Float32Array(ROUND * HIGH);
  for (let i = 0; i < points.length; i += 3) {
    const x = points[i] - centre[0];
    const y = points[i + 1] - centre[1];
    const z = points[i + 2] - centre[2];
    const r = Math.hypot(x, y, z);
    const u = Math.floor((Math.atan2(x, z) / (2 * Math.PI) + 0.5) * ROUND) % ROUND;
    const v = Math.min(HIGH - 1, Math.floor((Math.asin(y / r) / Math.PI + 0.5) * HIGH));
    if (r < 0.2 && r > table[v * ROUND + u]) table[v * ROUND + u] = r;
  }
  return table;
}

/** Cells without a vertex take their neighbours' radius; the pole takes its ring's mean (else a spike grows there). */
function fillHoles(table: Float32Array): void {
  for (let v = HIGH - 1; v >= 0; v--) {
    const row = table.subarray(v * ROUND, (v + 1) * ROUND);
    const known = row.filter((r) => r > 0);
    const mean = known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : 0.09;
    for (let u = 0; u < ROUND; u++) {
      if (row[u] > 0) continue;
      let sum = 0;
      let weight = 0;
      for (let k = 1; k < 5; k++) {
        for (const q of [(u + k) % ROUND, (u - k + ROUND) % ROUND]) {
          if (row[q] === 0) continue;
          sum += row[q] / k;
          weight += 1 / k;
        }
      }
      row[u] = weight > 0 ? sum / weight : mean;
    }
    if (v > HIGH - 3) row.fill(mean);
  }
}

function smoothed(from: Float32Array): Float32Array {
  const to = from.slice();
  for (let v = 1; v < HIGH - 1; v++) {
    for (let u = 0; u < ROUND; u++) {
      const row = v * ROUND;
      to[row + u] =
        (2 * from[row + u] +
          from[row + ((u + 1) % ROUND)] +
          from[row + ((u + ROUND - 1) % ROUND)] +
          from[row + ROUND + u] +
          from[row - ROUND + u]) /
        6;
    }
  }
  return to;
}
