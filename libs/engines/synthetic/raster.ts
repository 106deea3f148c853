import type { Mesh } from './mesh.ts';
import type { Vec3 } from './vector.ts';

/** Linear RGB and depth of a picture under construction. Vertex-lit triangles, textured, with optional cover. */
export class Raster {
  readonly rgb: Float32Array;
  /** 1 / distance; 0 is the backdrop. */
  readonly depth: Float32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.rgb = new Float32Array(width * height * 3);
    this.depth = new Float32Array(width * height);
  }

  begin(backdrop: Float32Array): void {
    this.rgb.set(backdrop);
    this.depth.fill(0);
  }

  /**
   * Draws the triangles of a mesh that was placed and lit. `shineAt`: green of a texel that shines fully; darker ones (painted hair,
   * moles) shine less.
   */
  draw(mesh: Mesh, shineAt = 0): void {
    const { width, height, rgb, depth } = this;
    const { x: X, y: Y, z: Z, light: L, gloss: S, u: U, v: V, cover: A, triangles, texture } = mesh;
    const uv = mesh.uvTriangles ?? triangles;
    const tw = texture?.width ?? 0;
    const th = texture?.height ?? 0;
    const td = texture?.data;
    const ch = texture?.channels ?? 3;
    const ref = shineAt > 0 ? 1 / shineAt : 0;
    const { twoSided } = mesh;
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
      // Rows grow downwards: front faces have negative areas.
      const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
      if (area > -1e-6 && (!twoSided || area < 1e-6)) continue;
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
      const r0 = L[a3];
      const r1 = L[b3] - r0;
      const r2 = L[c3] - r0;
      const g0 = L[a3 + 1];
      const g1 = L[b3 + 1] - g0;
      const g2 = L[c3 + 1] - g0;
      const q0 = L[a3 + 2];
      const q1 = L[b3 + 2] - q0;
      const q2 = L[c3 + 2] - q0;
      const s0 = S[a];
      const s1 = S[b] - s0;
      const s2 = S[c] - s0;
      let u0 = 0;
      let u1 = 0;
      let u2 = 0;
      let v0 = 0;
      let v1 = 0;
      let v2 = 0;
      if (td !== undefined) {
        const i = uv[t];
        const j = uv[t + 1];
        const k = uv[t + 2];
        u0 = U![i] * tw - 0.5;
        u1 = U![j] * tw - 0.5 - u0;
        u2 = U![k] * tw - 0.5 - u0;
        v0 = V![i] * th - 0.5;
        v1 = V![j] * th - 0.5 - v0;
        v2 = V![k] * th - 0.5 - v0;
      }
      let e0 = 1;
      let e1 = 0;
      let e2 = 0;
      if (A !== undefined) {
        e0 = A[a];
        e1 = A[b] - e0;
        e2 = A[c] - e0;
      }
      for (let y = y0; y <= y1; y++, rowB += dby, rowC += dcy) {
        let from = 0;
        let to = x1 - x0;
        if (to > 5) {
          // Between the edges, a pixel wider than they are: the test below decides.
          if (dbx > 0) from = Math.max(from, Math.floor(-rowB / dbx));
          else if (dbx < 0) to = Math.min(to, Math.ceil(-rowB / dbx));
          if (dcx > 0) from = Math.max(from, Math.floor(-rowC / dcx));
          else if (dcx < 0) to = Math.min(to, Math.ceil(-rowC / dcx));
          const rowA = 1 - rowB - rowC;
          const dax = -dbx - dcx;
          if (dax > 0) from = Math.max(from, Math.floor(-rowA / dax));
          else if (dax < 0) to = Math.min(to, Math.ceil(-rowA / dax));
        }
        let wb = rowB + from * dbx;
        let wc = rowC + from * dcx;
        let p = y * width + x0 + from;
        for (let i = from; i <= to; i++, wb += dbx, wc += dcx, p++) {
          if (wb < 0 || wc < 0 || wb + wc > 1) continue;
          const near = za + wb * zb + wc * zc;
          if (near <= depth[p]) continue;
          let cover = 1;
          if (A !== undefined) {
            cover = e0 + wb * e1 + wc * e2;
            if (cover <= 0.02) continue;
          }
          let r = r0 + wb * r1 + wc * r2;
          let g = g0 + wb * g1 + wc * g2;
          let q = q0 + wb * q1 + wc * q2;
          let s = s0 + wb * s1 + wc * s2;
          if (td !== undefined) {
            let u = u0 + wb * u1 + wc * u2;
            let v = v0 + wb * v1 + wc * v2;
            if (u < 0) u = 0;
            if (v < 0) v = 0;
            let iu = u | 0;
            let iv = v | 0;
            if (iu > tw - 2) iu = tw - 2;
            if (iv > th - 2) iv = th - 2;
            u -= iu;
            v -= iv;
            const k = (iv * tw + iu) * ch;
            const k2 = k + tw * ch;
            const w11 = u * v;
            const w10 = u - w11;
            const w01 = v - w11;
            const w00 = 1 - u - w01;
            const green = td[k + 1] * w00 + td[k + ch + 1] * w10 + td[k2 + 1] * w01 + td[k2 + ch + 1] * w11;
            if (ref !== 0) {
              const shine = green * ref;
              if (shine < 1) s *= shine * shine;
            }
            r *= td[k] * w00 + td[k + ch] * w10 + td[k2] * w01 + td[k2 + ch] * w11;
            g *= green;
            q *= td[k + 2] * w00 + td[k + ch + 2] * w10 + td[k2 + 2] * w01 + td[k2 + ch + 2] * w11;
          }
          const o = p * 3;
          if (cover >= 1) {
            rgb[o] = r + s;
            rgb[o + 1] = g + s;
            rgb[o + 2] = q + s;
            depth[p] = near;
          } else {
            const rest = 1 - cover;
            rgb[o] = rgb[o] * rest + (r + s) * cover;
            rgb[o + 1] = rgb[o + 1] * rest + (g + s) * cover;
            rgb[o + 2] = rgb[o + 2] * rest + (q + s) * cover;
            if (cover > 0.5) depth[p] = near;
          }
        }
      }
    }
  }

  /** A soft bright dot (catch-light). The depth tolerance is tiny: with a larger one it sits on a closed lid. */
  drawGlint(x: number, y: number, near: number, radius: number, strength: number, colour: Vec3): void {
    const { width, height, rgb, depth } = this;
    for (let j = Math.max(0, Math.floor(y - radius)); j <= Math.min(height - 1, y + radius); j++) {
      for (let i = Math.max(0, Math.floor(x - radius)); i <= Math.min(width - 1, x + radius); i++) {
        const d = Math.hypot(i + 0.5 - x, j + 0.5 - y) / radius;
        const p = j * width + i;
        if (d >= 1 || depth[p] > near * 1.0004) continue;
        const a = strength * (1 - d * d) ** 2;
        for (let k = 0; k < 3; k++) rgb[3 * p + k] += a * colour[k];
      }
    }
  }
}
