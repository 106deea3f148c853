// What happens to each pixel: front-to-back compositing over exact row spans, residual, and the way back (AssemblyScript, f32x4).
// Plain reference beside it: rasterise-reference.ts. All pointers are byte addresses that the host laid out above 64 KiB.
// Rows are interlaced: `step` and `phase` choose the rows y = phase, phase + step, …; 1 and 0 mean all.

const RECORD_BYTES: usize = 48;
const GRAD_BYTES: usize = 40;
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

function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}

/** First row ≥ y among phase, phase + step, … */
function firstRow(y: i32, step: i32, phase: i32): i32 {
  const r: i32 = (y - phase) % step;
  return r == 0 ? y : r > 0 ? y + step - r : y - r;
}

/**
 * Front-to-back compositing, splat by splat, row by row over the exact span of the ellipse. Along a row the Gaussian is a product of
 * forward differences: two multiplications per pixel, no exp. T: transmittance; R, G, B: premultiplied colour; rows of `stride` floats.
 * Returns the number of splat-pixels.
 */
export function forward(
  rec: usize,
  order: usize,
  n: i32,
  side: i32,
  step: i32,
  phase: i32,
  T: usize,
  R: usize,
  G: usize,
  B: usize,
  stride: i32,
): i32 {
  let pixels: i32 = 0;
  const one = f32x4.splat(1);
  const cap = f32x4.splat(0.99);
  const lanes = f32x4(0, 1, 2, 3);
  const four = f32x4.splat(4);
  const rowBytes: usize = (<usize>stride) << 2;
  for (let y: i32 = phase; y < side; y += step) {
    const o: usize = <usize>y * rowBytes;
    memory.fill(R + o, 0, rowBytes);
    memory.fill(G + o, 0, rowBytes);
    memory.fill(B + o, 0, rowBytes);
    for (let x: usize = 0; x < rowBytes; x += 16) v128.store(T + o + x, one);
  }
  for (let k: i32 = 0; k < n; k++) {
    const p = rec + <usize>load<u32>(order + ((<usize>k) << 2)) * RECORD_BYTES;
    const my = load<f32>(p, 4);
    const ey = load<f32>(p, 28);
    const ys = firstRow(max<i32>(0, <i32>ceil<f32>(my - ey - <f32>0.5)), step, phase);
    const ye = min<i32>(side - 1, <i32>floor<f32>(my + ey - <f32>0.5));
    if (ye < ys) continue;
    const mx = load<f32>(p);
    const a = load<f32>(p, 8);
    const b = load<f32>(p, 12);
    const c = load<f32>(p, 16);
    const K = load<f32>(p, 20);
    const op = load<f32>(p, 24);
    const red = v128.load32_splat(p, 32);
    const green = v128.load32_splat(p, 36);
    const blue = v128.load32_splat(p, 40);
    const ia: f32 = ONE / a;
    const q = fexp(-a);
    const q2: f32 = q * q;
    const q4: f32 = q2 * q2;
    const q6: f32 = q4 * q2;
    const q16 = f32x4.splat(q4 * q4 * q4 * q4);
    const within = f32x4(1, 1, q, q * q2);
    const across = f32x4(q6, q6 * q4, q6 * q4 * q4, q6 * q4 * q4 * q4);
    for (let y: i32 = ys; y <= ye; y += step) {
      const dy: f32 = <f32>y + <f32>0.5 - my;
      const disc: f32 = b * b * dy * dy - a * (c * dy * dy - K);
      if (disc < 0) continue;
      const root = sqrt<f32>(disc);
      const x0 = max<i32>(0, <i32>ceil<f32>(mx + (-b * dy - root) * ia - <f32>0.5));
      const x1 = min<i32>(side - 1, <i32>floor<f32>(mx + (-b * dy + root) * ia - <f32>0.5));
      if (x1 < x0) continue;
      pixels += x1 - x0 + 1;
      const dx: f32 = <f32>x0 + <f32>0.5 - mx;
      const first: f32 = op * fexp(<f32>-0.5 * (a * dx * dx + TWO * b * dx * dy + c * dy * dy));
      const ratio = fexp(-(a * (dx + <f32>0.5) + b * dy));
      const ratio2: f32 = ratio * ratio;
      let alpha = f32x4.mul(f32x4.mul(f32x4.splat(first), f32x4(1, ratio, ratio2, ratio2 * ratio)), within);
      let next = f32x4.mul(f32x4.splat(ratio2 * ratio2), across);
      let o: usize = (<usize>(y * stride + x0)) << 2;
      const left = f32x4.splat(<f32>(x1 - x0) + <f32>0.5);
      let lane = lanes;
      for (let x: i32 = x0; x <= x1; x += 4) {
        const seen = v128.and(f32x4.min(alpha, cap), f32x4.lt(lane, left));
        const t = v128.load(T + o);
        const w = f32x4.mul(t, seen);
        v128.store(R + o, f32x4.add(v128.load(R + o), f32x4.mul(w, red)));
        v128.store(G + o, f32x4.add(v128.load(G + o), f32x4.mul(w, green)));
        v128.store(B + o, f32x4.add(v128.load(B + o), f32x4.mul(w, blue)));
        v128.store(T + o, f32x4.sub(t, w));
        alpha = f32x4.mul(alpha, next);
        next = f32x4.mul(next, q16);
        o += 16;
        lane = f32x4.add(lane, four);
      }
    }
  }
  return pixels;
}

/** Four bytes as floats 0..1. */
function bytes4(at: usize): v128 {
  const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
  return f32x4.mul(f32x4.convert_i32x4_u(wide), f32x4.splat(<f32>1 / <f32>255));
}

/**
 * Composites over the plate, writes the residual (the gradient of ½ Σ r² by colour) to DR, DG, DB and the seed of the backward pass,
 * Σ_c T plate_c r_c, to S. plate and target: planar bytes, side² per channel. Returns Σ r² over the chosen rows.
 */
export function residual(
  T: usize,
  R: usize,
  G: usize,
  B: usize,
  DR: usize,
  DG: usize,
  DB: usize,
  S: usize,
  plate: usize,
  target: usize,
  side: i32,
  step: i32,
  phase: i32,
  stride: i32,
): f64 {
  let sum: f64 = 0;
  const channel: usize = <usize>(side * side);
  for (let y: i32 = phase; y < side; y += step) {
    let row = f32x4.splat(0);
    for (let x: i32 = 0; x < side; x += 4) {
      const o: usize = (<usize>(y * stride + x)) << 2;
      const i: usize = <usize>(y * side + x);
      const t = v128.load(T + o);
      const p0 = bytes4(plate + i);
      const p1 = bytes4(plate + i + channel);
      const p2 = bytes4(plate + i + 2 * channel);
      const d0 = f32x4.sub(f32x4.add(v128.load(R + o), f32x4.mul(t, p0)), bytes4(target + i));
      const d1 = f32x4.sub(f32x4.add(v128.load(G + o), f32x4.mul(t, p1)), bytes4(target + i + channel));
      const d2 = f32x4.sub(f32x4.add(v128.load(B + o), f32x4.mul(t, p2)), bytes4(target + i + 2 * channel));
      row = f32x4.add(row, f32x4.add(f32x4.mul(d0, d0), f32x4.add(f32x4.mul(d1, d1), f32x4.mul(d2, d2))));
      v128.store(DR + o, d0);
      v128.store(DG + o, d1);
      v128.store(DB + o, d2);
      v128.store(S + o, f32x4.mul(t, f32x4.add(f32x4.mul(p0, d0), f32x4.add(f32x4.mul(p1, d1), f32x4.mul(p2, d2)))));
    }
    sum += <f64>sumLanes(row);
  }
  return sum;
}

/**
 * Back to front: T and S are unwound in place. S holds Σ over what lies behind of weight × (colour · residual), which is all that the
 * gradient by alpha needs. Writes per splat 9 numbers: d/d(x, y, A, B, C, opacity, r, g, b).
 */
export function backward(
  rec: usize,
  order: usize,
  n: i32,
  side: i32,
  step: i32,
  phase: i32,
  T: usize,
  DR: usize,
  DG: usize,
  DB: usize,
  S: usize,
  grad: usize,
  stride: i32,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const cap = f32x4.splat(0.99);
  const lanes = f32x4(0, 1, 2, 3);
  const four = f32x4.splat(4);
  for (let k: i32 = n - 1; k >= 0; k--) {
    const id = load<u32>(order + ((<usize>k) << 2));
    const p = rec + <usize>id * RECORD_BYTES;
    const out = grad + <usize>id * GRAD_BYTES;
    const my = load<f32>(p, 4);
    const ey = load<f32>(p, 28);
    const ys = firstRow(max<i32>(0, <i32>ceil<f32>(my - ey - <f32>0.5)), step, phase);
    const ye = min<i32>(side - 1, <i32>floor<f32>(my + ey - <f32>0.5));
    if (ye < ys) {
      memory.fill(out, 0, GRAD_BYTES);
      continue;
    }
    const mx = load<f32>(p);
    const a = load<f32>(p, 8);
    const b = load<f32>(p, 12);
    const c = load<f32>(p, 16);
    const K = load<f32>(p, 20);
    const op = load<f32>(p, 24);
    const red = v128.load32_splat(p, 32);
    const green = v128.load32_splat(p, 36);
    const blue = v128.load32_splat(p, 40);
    const ia: f32 = ONE / a;
    const q = fexp(-a);
    const q2: f32 = q * q;
    const q4: f32 = q2 * q2;
    const q6: f32 = q4 * q2;
    const q16 = f32x4.splat(q4 * q4 * q4 * q4);
    const within = f32x4(1, 1, q, q * q2);
    const across = f32x4(q6, q6 * q4, q6 * q4 * q4, q6 * q4 * q4 * q4);
    // Moments of h = alpha × dL/dalpha: Σh, Σh dx, Σh dy, Σh dx², Σh dx dy, Σh dy².
    let s0 = zero;
    let sx = zero;
    let sy = zero;
    let sxx = zero;
    let sxy = zero;
    let syy = zero;
    let gr = zero;
    let gg = zero;
    let gb = zero;
    for (let y: i32 = ys; y <= ye; y += step) {
      const dy: f32 = <f32>y + <f32>0.5 - my;
      const disc: f32 = b * b * dy * dy - a * (c * dy * dy - K);
      if (disc < 0) continue;
      const root = sqrt<f32>(disc);
      const x0 = max<i32>(0, <i32>ceil<f32>(mx + (-b * dy - root) * ia - <f32>0.5));
      const x1 = min<i32>(side - 1, <i32>floor<f32>(mx + (-b * dy + root) * ia - <f32>0.5));
      if (x1 < x0) continue;
      const dx: f32 = <f32>x0 + <f32>0.5 - mx;
      const first: f32 = op * fexp(<f32>-0.5 * (a * dx * dx + TWO * b * dx * dy + c * dy * dy));
      const ratio = fexp(-(a * (dx + <f32>0.5) + b * dy));
      const ratio2: f32 = ratio * ratio;
      let alpha = f32x4.mul(f32x4.mul(f32x4.splat(first), f32x4(1, ratio, ratio2, ratio2 * ratio)), within);
      let next = f32x4.mul(f32x4.splat(ratio2 * ratio2), across);
      let o: usize = (<usize>(y * stride + x0)) << 2;
      const left = f32x4.splat(<f32>(x1 - x0) + <f32>0.5);
      let lane = lanes;
      let dxs = f32x4.add(f32x4.splat(dx), lanes);
      let r0 = zero;
      let r1 = zero;
      let r2 = zero;
      for (let x: i32 = x0; x <= x1; x += 4) {
        const free = f32x4.lt(alpha, cap);
        const seen = v128.and(f32x4.min(alpha, cap), f32x4.lt(lane, left));
        const clear = f32x4.div(one, f32x4.sub(one, seen));
        const t = f32x4.mul(v128.load(T + o), clear);
        v128.store(T + o, t);
        const w = f32x4.mul(t, seen);
        const d0 = v128.load(DR + o);
        const d1 = v128.load(DG + o);
        const d2 = v128.load(DB + o);
        gr = f32x4.add(gr, f32x4.mul(w, d0));
        gg = f32x4.add(gg, f32x4.mul(w, d1));
        gb = f32x4.add(gb, f32x4.mul(w, d2));
        const shade = f32x4.add(f32x4.add(f32x4.mul(red, d0), f32x4.mul(green, d1)), f32x4.mul(blue, d2));
        const s = v128.load(S + o);
        const dAlpha = f32x4.sub(f32x4.mul(t, shade), f32x4.mul(s, clear));
        v128.store(S + o, f32x4.add(s, f32x4.mul(w, shade)));
        const h = v128.and(f32x4.mul(seen, dAlpha), free);
        const hx = f32x4.mul(h, dxs);
        r0 = f32x4.add(r0, h);
        r1 = f32x4.add(r1, hx);
        r2 = f32x4.add(r2, f32x4.mul(hx, dxs));
        alpha = f32x4.mul(alpha, next);
        next = f32x4.mul(next, q16);
        o += 16;
        lane = f32x4.add(lane, four);
        dxs = f32x4.add(dxs, four);
      }
      const dys = f32x4.splat(dy);
      const r0y = f32x4.mul(r0, dys);
      s0 = f32x4.add(s0, r0);
      sx = f32x4.add(sx, r1);
      sy = f32x4.add(sy, r0y);
      sxx = f32x4.add(sxx, r2);
      sxy = f32x4.add(sxy, f32x4.mul(r1, dys));
      syy = f32x4.add(syy, f32x4.mul(r0y, dys));
    }
    const hx = sumLanes(sx);
    const hy = sumLanes(sy);
    store<f32>(out, a * hx + b * hy);
    store<f32>(out, b * hx + c * hy, 4);
    store<f32>(out, <f32>-0.5 * sumLanes(sxx), 8);
    store<f32>(out, -sumLanes(sxy), 12);
    store<f32>(out, <f32>-0.5 * sumLanes(syy), 16);
    store<f32>(out, sumLanes(s0) / op, 20);
    store<f32>(out, sumLanes(gr), 24);
    store<f32>(out, sumLanes(gg), 28);
    store<f32>(out, sumLanes(gb), 32);
  }
}
