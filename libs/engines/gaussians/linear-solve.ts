/** x of H x = g, H n × n row major, by elimination with pivoting. Unknowns without equations come out 0. */
export function solveLinear(H: ArrayLike<number>, g: ArrayLike<number>, n: number): Float64Array {
  const rows = Array.from({ length: n }, (_, i) => {
    const row = new Float64Array(n + 1);
    for (let c = 0; c < n; c++) row[c] = H[i * n + c]!;
    row[n] = g[i]!;
    return row;
  });
  for (let i = 0; i < n; i++) {
    let p = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r]![i]!) > Math.abs(rows[p]![i]!)) p = r;
    [rows[i], rows[p]] = [rows[p]!, rows[i]!];
    const pivot = rows[i]!;
    if (Math.abs(pivot[i]!) < 1e-12) continue;
    for (let r = 0; r < n; r++) {
      const f = r === i ? 0 : rows[r]![i]! / pivot[i]!;
      if (f !== 0) for (let c = i; c <= n; c++) rows[r]![c] = rows[r]![c]! - f * pivot[c]!;
    }
  }
  return Float64Array.from(rows, (row, i) => (Math.abs(row[i]!) < 1e-12 ? 0 : row[n]! / row[i]!));
}

/**
 * Ridge regression y ≈ W [1, x]: rows of x and y; returns one row of weights per output, the constant first. The penalty (relative to
 * the number of rows) leaves the constant alone.
 */
export function ridge(x: readonly ArrayLike<number>[], y: readonly ArrayLike<number>[], penalty: number): Float64Array[] {
  const n = x[0]!.length + 1;
  const outputs = y[0]!.length;
  const H = new Float64Array(n * n);
  const g = Array.from({ length: outputs }, () => new Float64Array(n));
  const row = new Float64Array(n);
  x.forEach((from, i) => {
    row[0] = 1;
    for (let k = 1; k < n; k++) row[k] = from[k - 1]!;
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < n; b++) H[a * n + b] = H[a * n + b]! + row[a]! * row[b]!;
      for (let o = 0; o < outputs; o++) g[o]![a] = g[o]![a]! + row[a]! * y[i]![o]!;
    }
  });
  for (let k = 1; k < n; k++) H[k * n + k] = H[k * n + k]! + penalty * x.length;
  return g.map((rhs) => solveLinear(H, rhs, n));
}

export const applyRidge = (weights: ArrayLike<number>, x: ArrayLike<number>): number => {
  let sum = weights[0]!;
  for (let k = 0; k < x.length; k++) sum += weights[k + 1]! * x[k]!;
  return sum;
};
