import type { HairMesh } from './hair.ts';
import type { Raster } from './raster.ts';

/** Cover that a strand's texel must leave: below it a ribbon is not there. Soft alpha would leave light specks. */
const THERE = 0.16;

/** Draws ribbons, two-sided, nearest texel, in or out. Hidden ones fail the depth test before any texture work. */
export function drawRibbons({ width, height, rgb, depth }: Raster, mesh: HairMesh): void {
  const { x: X, y: Y, z: Z, light: L, gloss: S, u: U, v: V, cover: A, triangles, texture } = mesh;
  const { width: tw, height: th, data: td } = texture;
  for (let t = 0; t < triangles.length; t += 3) {
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
    if (area > -1e-6 && area < 1e-6) continue;
    let x0 = Math.ceil((ax < bx ? (ax < cx ? ax : cx) : bx < cx ? bx : cx) - 0.5);
    let x1 = Math.floor((ax > bx ? (ax > cx ? ax : cx) : bx > cx ? bx : cx) - 0.5);
    let y0 = Math.ceil((ay < by ? (ay < cy ? ay : cy) : by < cy ? by : cy) - 0.5);
    let y1 = Math.floor((ay > by ? (ay > cy ? ay : cy) : by > cy ? by : cy) - 0.5);
    if (x0 < 0) x0 = 0;
    if (y0 < 0) y0 = 0;
    if (x1 >= width) x1 = width - 1;
    if (y1 >= height) y1 = height - 1;
    if (x0 > x1 || y0 > y1) continue;
    const inv = 1 / area;
    const dbx = (cy - ay) * inv;
    const dby = -(cx - ax) * inv;
    const dcx = -(by - ay) * inv;
    const dcy = (bx - ax) * inv;
    const px = x0 + 0.5 - ax;
    const py = y0 + 0.5 - ay;
    let rowB = px * dbx + py * dby;
    let rowC = px * dcx + py * dcy;
    const za = Z[a];
    const zb = Z[b] - za;
    const zc = Z[c] - za;
    const a3 = 3 * a;
    const b3 = 3 * b;
    const c3 = 3 * c;
    for (let y = y0; y <= y1; y++, rowB += dby, rowC += dcy) {
      let wb = rowB;
      let wc = rowC;
      let p = y * width + x0;
      for (let x = x0; x <= x1; x++, wb += dbx, wc += dcx, p++) {
        if (wb < 0 || wc < 0) continue;
        const wa = 1 - wb - wc;
        if (wa < 0) continue;
        const near = za + wb * zb + wc * zc;
        if (near <= depth[p]) continue;
        const row = ((V[a] * wa + V[b] * wb + V[c] * wc) * th) | 0;
        const column = ((U[a] * wa + U[b] * wb + U[c] * wc) * tw) | 0;
        const k = (row * tw + column) * 4;
        if ((A[a] * wa + A[b] * wb + A[c] * wc) * 1.6 - td[k + 3] < THERE) continue;
        const strand = td[k];
        const s = S[a] * wa + S[b] * wb + S[c] * wc;
        const o = 3 * p;
        rgb[o] = (L[a3] * wa + L[b3] * wb + L[c3] * wc) * strand + s;
        rgb[o + 1] = (L[a3 + 1] * wa + L[b3 + 1] * wb + L[c3 + 1] * wc) * strand + s;
        rgb[o + 2] = (L[a3 + 2] * wa + L[b3 + 2] * wb + L[c3 + 2] * wc) * strand + s;
        depth[p] = near;
      }
    }
  }
}
