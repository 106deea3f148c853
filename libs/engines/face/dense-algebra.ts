/** Lower Cholesky factor of a symmetric n × n matrix (row major, lower half read). Pivots are held above 1e-12. */
export function cholesky(m: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let s = m[i * n + j]!;
      for (let k = 0; k < j; k++) s -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(Math.max(s, 1e-12)) : s / l[j * n + j]!;
    }
  }
  return l;
}

/** Solves L x = b in place. */
export function forward(l: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let s = b[i]!;
    for (let k = 0; k < i; k++) s -= l[i * n + k]! * b[k]!;
    b[i] = s / l[i * n + i]!;
  }
}

/** Solves Lᵀ x = b in place. */
export function backward(l: Float64Array, n: number, b: Float64Array): void {
  for (let i = n - 1; i >= 0; i--) {
    let s = b[i]!;
    for (let k = i + 1; k < n; k++) s -= l[k * n + i]! * b[k]!;
    b[i] = s / l[i * n + i]!;
  }
}

/** min ½ d·H d − g·d with lo ≤ d ≤ hi, from d = 0, by coordinate descent; stops when no coordinate moves by 1e-4. */
export function boundedDescent(
  h: Float64Array,
  g: Float64Array,
  d: Float64Array,
  lo: ArrayLike<number>,
  hi: ArrayLike<number>,
  sweeps: number,
): void {
  const n = d.length;
  const r = g.slice();
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let moved = 0;
    for (let k = 0; k < n; k++) {
      const v = Math.max(lo[k]!, Math.min(hi[k]!, d[k]! + r[k]! / h[k * n + k]!));
      const x = v - d[k]!;
      if (x === 0) continue;
      d[k] = v;
      moved = Math.max(moved, Math.abs(x));
      const o = k * n;
      for (let j = 0; j < n; j++) r[j] = r[j]! - h[o + j]! * x;
    }
    if (moved < 1e-4) break;
  }
}

/** x of the symmetric 3 × 3 system M x = b. */
export function solve3(m: ArrayLike<number>, b: readonly [number, number, number]): [number, number, number] {
  const [a, c, d, e, f, i] = [m[0]!, m[1]!, m[2]!, m[4]!, m[5]!, m[8]!];
  const p = e * i - f * f;
  const q = d * f - c * i;
  const r = c * f - d * e;
  const det = a * p + c * q + d * r || 1e-30;
  return [
    (p * b[0] + q * b[1] + r * b[2]) / det,
    (q * b[0] + (a * i - d * d) * b[1] + (c * d - a * f) * b[2]) / det,
    (r * b[0] + (c * d - a * f) * b[1] + (a * e - c * c) * b[2]) / det,
  ];
}

/** R ← R · exp([x y z]×): a turn about the rotated axes, by Rodrigues' formula. Row major. */
export function rotateLocally(R: Float64Array, x: number, y: number, z: number): void {
  const angle = Math.hypot(x, y, z);
  if (angle < 1e-12) return;
  const c = Math.cos(angle);
  const s = Math.sin(angle) / angle;
  const k = (1 - c) / (angle * angle);
  const e = [
    c + k * x * x, k * x * y - s * z, k * x * z + s * y,
    k * x * y + s * z, c + k * y * y, k * y * z - s * x,
    k * x * z - s * y, k * y * z + s * x, c + k * z * z,
  ]; // prettier-ignore
  const o = R.slice();
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) R[3 * i + j] = o[3 * i]! * e[j]! + o[3 * i + 1]! * e[3 + j]! + o[3 * i + 2]! * e[6 + j]!;
}
