import type { Mesh } from './mesh.ts';
import { cross, unit, type Vec3 } from './vector.ts';

/** Metres of the square that the map covers. */
const SPAN = 0.46;

/** Nearest surfaces seen from a direction, orthographic. */
export interface ShadowMap {
  readonly side: number;
  readonly nearest: Float32Array;
}

/** Draws meshes (their placed points) from direction `d`. `every`: triangles to skip per mesh, 1 = none (every second is enough for hair). */
export function castShadows(meshes: readonly Mesh[], d: Vec3, map: ShadowMap, every: (mesh: Mesh) => number): ShadowMap {
  const right = unit([d[2] || 1e-6, 0, -d[0]]);
  const up = cross(d, right);
  const { side, nearest } = map;
  nearest.fill(-9);
  for (const mesh of meshes) {
    project(mesh, d, right, up, side);
    drawDepths(mesh, map, 3 * every(mesh));
  }
  return map;
}

export const makeShadowMap = (side: number): ShadowMap => ({ side, nearest: new Float32Array(side * side) });

function project(mesh: Mesh, d: Vec3, right: Vec3, up: Vec3, side: number): void {
  const { placed, shadowX, shadowY, shadowZ, count } = mesh;
  const k = side / SPAN;
  for (let i = 0; i < count; i++) {
    const x = placed[3 * i];
    const y = placed[3 * i + 1] - 0.01;
    const z = placed[3 * i + 2];
    shadowX[i] = side / 2 + (x * right[0] + z * right[2]) * k;
    shadowY[i] = side / 2 - (x * up[0] + y * up[1] + z * up[2]) * k;
    shadowZ[i] = x * d[0] + y * d[1] + z * d[2];
  }
}

function drawDepths({ triangles, shadowX: X, shadowY: Y, shadowZ: Z }: Mesh, { side, nearest }: ShadowMap, step: number): void {
  for (let t = 0; t < triangles.length; t += step) {
    const a = triangles[t];
    const b = triangles[t + 1];
    const c = triangles[t + 2];
    const ax = X[a];
    const ay = Y[a];
    const bx = X[b];
    const by = Y[b];
    const cx = X[c];
    const cy = Y[c];
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (area > -1e-9 && area < 1e-9) continue;
    let x0 = Math.ceil((ax < bx ? (ax < cx ? ax : cx) : bx < cx ? bx : cx) - 0.5);
    let x1 = Math.floor((ax > bx ? (ax > cx ? ax : cx) : bx > cx ? bx : cx) - 0.5);
    let y0 = Math.ceil((ay < by ? (ay < cy ? ay : cy) : by < cy ? by : cy) - 0.5);
    let y1 = Math.floor((ay > by ? (ay > cy ? ay : cy) : by > cy ? by : cy) - 0.5);
    if (x0 < 0) x0 = 0;
    if (y0 < 0) y0 = 0;
    if (x1 >= side) x1 = side - 1;
    if (y1 >= side) y1 = side - 1;
    if (x0 > x1 || y0 > y1) continue;
    const inv = 1 / area;
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const px = x + 0.5 - ax;
        const py = y + 0.5 - ay;
        const wb = (px * (cy - ay) - py * (cx - ax)) * inv;
        const wc = (py * (bx - ax) - px * (by - ay)) * inv;
        if (wb < 0 || wc < 0 || wb + wc > 1) continue;
        const z = Z[a] + wb * (Z[b] - Z[a]) + wc * (Z[c] - Z[a]);
        const p = y * side + x;
        if (z > nearest[p]) nearest[p] = z;
      }
    }
  }
}

/** Share of the light that reaches a vertex, softened over (2 radius + 1)² cells. `bias` in metres. */
export function lightReaching({ side, nearest }: ShadowMap, mesh: Mesh, v: number, bias: number, radius: number): number {
  const x = mesh.shadowX[v] | 0;
  const y = mesh.shadowY[v] | 0;
  if (x < radius || y < radius || x >= side - radius || y >= side - radius) return 1;
  const z = mesh.shadowZ[v] + bias;
  let sum = 0;
  for (let j = -radius; j <= radius; j++) {
    const row = (y + j) * side + x;
    for (let i = -radius; i <= radius; i++) {
      const e = (z - nearest[row + i]) * 250 + 0.5;
      sum += e > 1 ? 1 : e < 0 ? 0 : e;
    }
  }
  const n = 2 * radius + 1;
  return sum / (n * n);
}
