// What happens to each splat: blend of delta bases, projection, depth sort, the backward pass of both, and Adam (AssemblyScript, f32x4).
// Plain reference beside it: splats-reference.ts. The pixels' part is rasterise.as.ts; both work in one memory that the host lays out
// (splat-memory.ts) above 64 KiB. Neither module may have static data: they would write it over each other.
// Layout of one splat: splat-layout.ts.

const SPLAT_BYTES: usize = 64;
const RECORD_BYTES: usize = 48;
const GRAD_BYTES: usize = 40;
const BLUR: f32 = 0.2; // px², added to every projected covariance: the pixel's own footprint
const ONE: f32 = 1;
const TWO: f32 = 2;

/** exp by range reduction and a polynomial of degree 6; relative error about 1e-6, the same bits everywhere. */
function fexp(v: f32): f32 {
  const x: f32 = max<f32>(v, -87);
  const n: f32 = nearest<f32>(x * <f32>1.44269504);
  const f: f32 = (x * <f32>1.44269504 - n) * <f32>0.69314718;
  const p: f32 =
    ONE +
    f * (ONE + f * (<f32>0.5 + f * (<f32>0.16666667 + f * (<f32>0.041666667 + f * (<f32>0.0083333333 + f * <f32>0.0013888889)))));
  return p * reinterpret<f32>((<i32>n + 127) << 23);
}

/** Natural logarithm of a positive number; absolute error below 1e-6. Own, so that the modules keep no tables in memory. */
function flog(x: f32): f32 {
  const bits = reinterpret<i32>(x);
  let e: i32 = (bits >> 23) - 127;
  let m: f32 = reinterpret<f32>((bits & 0x7fffff) | 0x3f800000);
  if (m > <f32>1.41421356) {
    m *= <f32>0.5;
    e++;
  }
  const s: f32 = (m - ONE) / (m + ONE);
  const s2: f32 = s * s;
  return (
    <f32>e * <f32>0.69314718 +
    TWO * s * (ONE + s2 * (<f32>0.33333333 + s2 * (<f32>0.2 + s2 * (<f32>0.14285714 + s2 * <f32>0.11111111))))
  );
}

/** out = base + Σ_k w_k delta_k over one block; n = splats × 16. */
export function blend(out: usize, base: usize, delta: usize, w: usize, n: i32, K: i32): void {
  const bytes: usize = (<usize>n) << 2;
  memory.copy(out, base, bytes);
  let k: i32 = 0;
  for (; k + 1 < K; k += 2) {
    const a = v128.load32_splat(w + ((<usize>k) << 2));
    const b = v128.load32_splat(w + ((<usize>k) << 2), 4);
    const d0 = delta + <usize>k * bytes;
    const d1 = d0 + bytes;
    for (let o: usize = 0; o < bytes; o += 16) {
      const move = f32x4.add(f32x4.mul(a, v128.load(d0 + o)), f32x4.mul(b, v128.load(d1 + o)));
      v128.store(out + o, f32x4.add(v128.load(out + o), move));
    }
  }
  if (k < K) {
    const a = v128.load32_splat(w + ((<usize>k) << 2));
    const d0 = delta + <usize>k * bytes;
    for (let o: usize = 0; o < bytes; o += 16) {
      v128.store(out + o, f32x4.add(v128.load(out + o), f32x4.mul(a, v128.load(d0 + o))));
    }
  }
}

/** gBase += g and gDelta_k += w_k g: the backward pass of `blend`. */
export function accumulate(gBase: usize, gDelta: usize, g: usize, w: usize, n: i32, K: i32): void {
  const bytes: usize = (<usize>n) << 2;
  for (let o: usize = 0; o < bytes; o += 16) v128.store(gBase + o, f32x4.add(v128.load(gBase + o), v128.load(g + o)));
  for (let k: i32 = 0; k < K; k++) {
    const a = v128.load32_splat(w + ((<usize>k) << 2));
    const gd = gDelta + <usize>k * bytes;
    for (let o: usize = 0; o < bytes; o += 16) v128.store(gd + o, f32x4.add(v128.load(gd + o), f32x4.mul(a, v128.load(g + o))));
  }
}

/**
 * Adam (0.9, 0.99); clears the gradients. `rates`: 16 learning rates, one per attribute; i1, i2: 1 / (1 − β^t). `pull`: share of the
 * way back to `anchor` per step, apart from the gradient; the anchor may be p itself.
 */
export function adam(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  rates: usize,
  n: i32,
  i1: f32,
  i2: f32,
  anchor: usize,
  pull: f32,
): void {
  const b1 = f32x4.splat(0.9);
  const c1 = f32x4.splat(0.1);
  const b2 = f32x4.splat(0.99);
  const c2 = f32x4.splat(0.01);
  const tiny = f32x4.splat(1e-8);
  const s1 = f32x4.splat(i1);
  const s2 = f32x4.splat(i2);
  const zero = f32x4.splat(0);
  const back = f32x4.splat(pull);
  const bytes: usize = (<usize>n) << 2;
  for (let o: usize = 0; o < bytes; o += 16) {
    const grad = v128.load(g + o);
    v128.store(g + o, zero);
    const mean = f32x4.add(f32x4.mul(b1, v128.load(m + o)), f32x4.mul(c1, grad));
    const square = f32x4.add(f32x4.mul(b2, v128.load(v + o)), f32x4.mul(c2, f32x4.mul(grad, grad)));
    v128.store(m + o, mean);
    v128.store(v + o, square);
    const rate = f32x4.mul(v128.load(rates + (o & 63)), s1);
    const step = f32x4.div(f32x4.mul(rate, mean), f32x4.add(f32x4.sqrt(f32x4.mul(square, s2)), tiny));
    const at = v128.load(p + o);
    const home = f32x4.mul(back, f32x4.sub(at, v128.load(anchor + o)));
    v128.store(p + o, f32x4.sub(f32x4.sub(at, home), step));
  }
}

/** Share of the head's bone: a fixed weight, or (negative: learned) the logistic of attribute 14. */
function headShare(weight: usize, splat: usize): f32 {
  const fixed = load<f32>(weight);
  return fixed < 0 ? ONE / (ONE + fexp(-load<f32>(splat, 56))) : fixed;
}

function mix(bones: usize, a: f32, b: f32, at: usize): f32 {
  return a * load<f32>(bones + at) + b * load<f32>(bones + at + 48);
}

/**
 * Splats → records (centre x, y; conic A, B, C; cut-off K; opacity; half height; r, g, b; half width). K < 0 marks a splat that is not
 * drawn. bones: head 3 × 3 (picture x, y, depth rows, scale included), translation 2, one unused; then the torso. Returns how many are drawn.
 */
export function project(
  cur: usize,
  weights: usize,
  bones: usize,
  rec: usize,
  depth: usize,
  order: usize,
  N: i32,
  side: f32,
): i32 {
  let drawn: i32 = 0;
  for (let i: i32 = 0; i < N; i++) {
    const p = cur + <usize>i * SPLAT_BYTES;
    const r = rec + <usize>i * RECORD_BYTES;
    store<f32>(r, -1, 20);
    const op: f32 = ONE / (ONE + fexp(-load<f32>(p, 40)));
    if (op < <f32>0.00393) continue;
    const a = headShare(weights + ((<usize>i) << 2), p);
    const b: f32 = ONE - a;
    const X = load<f32>(p);
    const Y = load<f32>(p, 4);
    const Z = load<f32>(p, 8);
    const u0 = mix(bones, a, b, 0);
    const u1 = mix(bones, a, b, 4);
    const u2 = mix(bones, a, b, 8);
    const w0 = mix(bones, a, b, 12);
    const w1 = mix(bones, a, b, 16);
    const w2 = mix(bones, a, b, 20);
    const mx: f32 = u0 * X + u1 * Y + u2 * Z + mix(bones, a, b, 36);
    const my: f32 = w0 * X + w1 * Y + w2 * Z + mix(bones, a, b, 40);
    let qw = load<f32>(p, 24);
    let qx = load<f32>(p, 28);
    let qy = load<f32>(p, 32);
    let qz = load<f32>(p, 36);
    const qn: f32 = ONE / sqrt<f32>(qw * qw + qx * qx + qy * qy + qz * qz);
    qw *= qn;
    qx *= qn;
    qy *= qn;
    qz *= qn;
    const sx = fexp(load<f32>(p, 12));
    const sy = fexp(load<f32>(p, 16));
    const sz = fexp(load<f32>(p, 20));
    const m00: f32 = (ONE - TWO * (qy * qy + qz * qz)) * sx;
    const m01: f32 = TWO * (qx * qy - qw * qz) * sy;
    const m02: f32 = TWO * (qx * qz + qw * qy) * sz;
    const m10: f32 = TWO * (qx * qy + qw * qz) * sx;
    const m11: f32 = (ONE - TWO * (qx * qx + qz * qz)) * sy;
    const m12: f32 = TWO * (qy * qz - qw * qx) * sz;
    const m20: f32 = TWO * (qx * qz - qw * qy) * sx;
    const m21: f32 = TWO * (qy * qz + qw * qx) * sy;
    const m22: f32 = (ONE - TWO * (qx * qx + qy * qy)) * sz;
    const v0: f32 = u0 * m00 + u1 * m10 + u2 * m20;
    const v1: f32 = u0 * m01 + u1 * m11 + u2 * m21;
    const v2: f32 = u0 * m02 + u1 * m12 + u2 * m22;
    const n0: f32 = w0 * m00 + w1 * m10 + w2 * m20;
    const n1: f32 = w0 * m01 + w1 * m11 + w2 * m21;
    const n2: f32 = w0 * m02 + w1 * m12 + w2 * m22;
    const cxx: f32 = v0 * v0 + v1 * v1 + v2 * v2 + BLUR;
    const cxy: f32 = v0 * n0 + v1 * n1 + v2 * n2;
    const cyy: f32 = n0 * n0 + n1 * n1 + n2 * n2 + BLUR;
    const inverse: f32 = ONE / (cxx * cyy - cxy * cxy);
    // Alpha falls below 1/255 outside the ellipse d' Σ⁻¹ d = K.
    const K: f32 = TWO * flog(<f32>255 * op);
    const ey: f32 = sqrt<f32>(K * cyy);
    const ex: f32 = sqrt<f32>(K * cxx);
    // Written so that a NaN is not drawn.
    if (!(mx + ex >= 0 && mx - ex <= side && my + ey >= 0 && my - ey <= side)) continue;
    store<f32>(r, mx);
    store<f32>(r, my, 4);
    store<f32>(r, cyy * inverse, 8);
    store<f32>(r, -cxy * inverse, 12);
    store<f32>(r, cxx * inverse, 16);
    store<f32>(r, K, 20);
    store<f32>(r, op, 24);
    store<f32>(r, ey, 28);
    store<f32>(r, load<f32>(p, 44), 32);
    store<f32>(r, load<f32>(p, 48), 36);
    store<f32>(r, load<f32>(p, 52), 40);
    store<f32>(r, ex, 44);
    store<f32>(depth + ((<usize>i) << 2), mix(bones, a, b, 24) * X + mix(bones, a, b, 28) * Y + mix(bones, a, b, 32) * Z);
    store<u32>(order + ((<usize>drawn) << 2), i);
    drawn++;
  }
  return drawn;
}

/** Stable counting sort of `order` by depth, nearest first, 4096 bins. keys: n × u32, histogram: 4096 × u32. */
export function sortByDepth(order: usize, out: usize, depth: usize, keys: usize, histogram: usize, n: i32): void {
  let lo: f32 = <f32>1e30;
  let hi: f32 = <f32>-1e30;
  for (let k: i32 = 0; k < n; k++) {
    const d = load<f32>(depth + ((<usize>load<u32>(order + ((<usize>k) << 2))) << 2));
    lo = min<f32>(lo, d);
    hi = max<f32>(hi, d);
  }
  const scale: f32 = <f32>4095 / max<f32>(hi - lo, <f32>1e-6);
  memory.fill(histogram, 0, 16384);
  for (let k: i32 = 0; k < n; k++) {
    const d = load<f32>(depth + ((<usize>load<u32>(order + ((<usize>k) << 2))) << 2));
    const key = <u32>((d - lo) * scale);
    store<u32>(keys + ((<usize>k) << 2), key);
    const h = histogram + ((<usize>key) << 2);
    store<u32>(h, load<u32>(h) + 1);
  }
  let before: u32 = 0;
  for (let bin: usize = 0; bin < 16384; bin += 4) {
    const count = load<u32>(histogram + bin);
    store<u32>(histogram + bin, before);
    before += count;
  }
  for (let k: i32 = 0; k < n; k++) {
    const h = histogram + ((<usize>load<u32>(keys + ((<usize>k) << 2))) << 2);
    const at = load<u32>(h);
    store<u32>(h, at + 1);
    store<u32>(out + ((<usize>at) << 2), load<u32>(order + ((<usize>k) << 2)));
  }
}

/** Picture gradients → gradients of the 16 attributes of every splat (0 for those not drawn). The chain rule of `project`. */
export function unproject(cur: usize, weights: usize, bones: usize, rec: usize, grad: usize, out: usize, N: i32): void {
  for (let i: i32 = 0; i < N; i++) {
    const p = cur + <usize>i * SPLAT_BYTES;
    const r = rec + <usize>i * RECORD_BYTES;
    const g = grad + <usize>i * GRAD_BYTES;
    const o = out + <usize>i * SPLAT_BYTES;
    memory.fill(o, 0, SPLAT_BYTES);
    if (load<f32>(r, 20) < 0) continue;
    const a = headShare(weights + ((<usize>i) << 2), p);
    const b: f32 = ONE - a;
    const X = load<f32>(p);
    const Y = load<f32>(p, 4);
    const Z = load<f32>(p, 8);
    const u0 = mix(bones, a, b, 0);
    const u1 = mix(bones, a, b, 4);
    const u2 = mix(bones, a, b, 8);
    const w0 = mix(bones, a, b, 12);
    const w1 = mix(bones, a, b, 16);
    const w2 = mix(bones, a, b, 20);
    const gx = load<f32>(g);
    const gy = load<f32>(g, 4);
    store<f32>(o, u0 * gx + w0 * gy);
    store<f32>(o, u1 * gx + w1 * gy, 4);
    store<f32>(o, u2 * gx + w2 * gy, 8);
    // dL/dΣ = −Σ⁻¹ (dL/dconic) Σ⁻¹.
    const A = load<f32>(r, 8);
    const B = load<f32>(r, 12);
    const C = load<f32>(r, 16);
    const gA = load<f32>(g, 8);
    const gB: f32 = load<f32>(g, 12) * <f32>0.5;
    const gC = load<f32>(g, 16);
    const t00: f32 = A * gA + B * gB;
    const t01: f32 = A * gB + B * gC;
    const t10: f32 = B * gA + C * gB;
    const t11: f32 = B * gB + C * gC;
    const c00: f32 = -(t00 * A + t01 * B);
    const c01: f32 = -(t00 * B + t01 * C);
    const c11: f32 = -(t10 * B + t11 * C);
    let qw = load<f32>(p, 24);
    let qx = load<f32>(p, 28);
    let qy = load<f32>(p, 32);
    let qz = load<f32>(p, 36);
    const qn: f32 = ONE / sqrt<f32>(qw * qw + qx * qx + qy * qy + qz * qz);
    qw *= qn;
    qx *= qn;
    qy *= qn;
    qz *= qn;
    const sx = fexp(load<f32>(p, 12));
    const sy = fexp(load<f32>(p, 16));
    const sz = fexp(load<f32>(p, 20));
    const r00: f32 = ONE - TWO * (qy * qy + qz * qz);
    const r01: f32 = TWO * (qx * qy - qw * qz);
    const r02: f32 = TWO * (qx * qz + qw * qy);
    const r10: f32 = TWO * (qx * qy + qw * qz);
    const r11: f32 = ONE - TWO * (qx * qx + qz * qz);
    const r12: f32 = TWO * (qy * qz - qw * qx);
    const r20: f32 = TWO * (qx * qz - qw * qy);
    const r21: f32 = TWO * (qy * qz + qw * qx);
    const r22: f32 = ONE - TWO * (qx * qx + qy * qy);
    const v0: f32 = (u0 * r00 + u1 * r10 + u2 * r20) * sx;
    const v1: f32 = (u0 * r01 + u1 * r11 + u2 * r21) * sy;
    const v2: f32 = (u0 * r02 + u1 * r12 + u2 * r22) * sz;
    const n0: f32 = (w0 * r00 + w1 * r10 + w2 * r20) * sx;
    const n1: f32 = (w0 * r01 + w1 * r11 + w2 * r21) * sy;
    const n2: f32 = (w0 * r02 + w1 * r12 + w2 * r22) * sz;
    const dv0: f32 = TWO * (c00 * v0 + c01 * n0);
    const dv1: f32 = TWO * (c00 * v1 + c01 * n1);
    const dv2: f32 = TWO * (c00 * v2 + c01 * n2);
    const dn0: f32 = TWO * (c01 * v0 + c11 * n0);
    const dn1: f32 = TWO * (c01 * v1 + c11 * n1);
    const dn2: f32 = TWO * (c01 * v2 + c11 * n2);
    const d00: f32 = u0 * dv0 + w0 * dn0;
    const d01: f32 = u0 * dv1 + w0 * dn1;
    const d02: f32 = u0 * dv2 + w0 * dn2;
    const d10: f32 = u1 * dv0 + w1 * dn0;
    const d11: f32 = u1 * dv1 + w1 * dn1;
    const d12: f32 = u1 * dv2 + w1 * dn2;
    const d20: f32 = u2 * dv0 + w2 * dn0;
    const d21: f32 = u2 * dv1 + w2 * dn1;
    const d22: f32 = u2 * dv2 + w2 * dn2;
    store<f32>(o, sx * (d00 * r00 + d10 * r10 + d20 * r20), 12);
    store<f32>(o, sy * (d01 * r01 + d11 * r11 + d21 * r21), 16);
    store<f32>(o, sz * (d02 * r02 + d12 * r12 + d22 * r22), 20);
    const e00: f32 = d00 * sx;
    const e01: f32 = d01 * sy;
    const e02: f32 = d02 * sz;
    const e10: f32 = d10 * sx;
    const e11: f32 = d11 * sy;
    const e12: f32 = d12 * sz;
    const e20: f32 = d20 * sx;
    const e21: f32 = d21 * sy;
    const e22: f32 = d22 * sz;
    const hw: f32 = TWO * (-qz * e01 + qy * e02 + qz * e10 - qx * e12 - qy * e20 + qx * e21);
    const hx: f32 = TWO * (qy * e01 + qz * e02 + qy * e10 - TWO * qx * e11 - qw * e12 + qz * e20 + qw * e21 - TWO * qx * e22);
    const hy: f32 = TWO * (-TWO * qy * e00 + qx * e01 + qw * e02 + qx * e10 + qz * e12 - qw * e20 + qz * e21 - TWO * qy * e22);
    const hz: f32 = TWO * (-TWO * qz * e00 - qw * e01 + qx * e02 + qw * e10 - TWO * qz * e11 + qy * e12 + qx * e20 + qy * e21);
    const along: f32 = hw * qw + hx * qx + hy * qy + hz * qz;
    store<f32>(o, (hw - along * qw) * qn, 24);
    store<f32>(o, (hx - along * qx) * qn, 28);
    store<f32>(o, (hy - along * qy) * qn, 32);
    store<f32>(o, (hz - along * qz) * qn, 36);
    const op = load<f32>(r, 24);
    store<f32>(o, load<f32>(g, 20) * op * (ONE - op), 40);
    store<f32>(o, load<f32>(g, 24), 44);
    store<f32>(o, load<f32>(g, 28), 48);
    store<f32>(o, load<f32>(g, 32), 52);
    if (load<f32>(weights + ((<usize>i) << 2)) < 0) {
      // The bone weight moves the centre between where the two bones put it; its effect on the covariance is left out (second order).
      const px: f32 =
        (load<f32>(bones) - load<f32>(bones, 48)) * X +
        (load<f32>(bones, 4) - load<f32>(bones, 52)) * Y +
        (load<f32>(bones, 8) - load<f32>(bones, 56)) * Z;
      const py: f32 =
        (load<f32>(bones, 12) - load<f32>(bones, 60)) * X +
        (load<f32>(bones, 16) - load<f32>(bones, 64)) * Y +
        (load<f32>(bones, 20) - load<f32>(bones, 68)) * Z;
      const moveX: f32 = px + load<f32>(bones, 36) - load<f32>(bones, 84);
      const moveY: f32 = py + load<f32>(bones, 40) - load<f32>(bones, 88);
      store<f32>(o, (gx * moveX + gy * moveY) * a * b, 56);
    }
  }
}
