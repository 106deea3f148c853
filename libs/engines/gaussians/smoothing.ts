/** Savitzky-Golay filter of order 2 over 2 h + 1 rows, per column; ends are mirrored. Used offline only: it looks ahead. */
export function savitzkyGolay(rows: readonly ArrayLike<number>[], h: number): Float64Array[] {
  const F = rows.length;
  if (h === 0 || F < 2 * h + 1) return rows.map((row) => Float64Array.from(row));
  let s2 = 0;
  let s4 = 0;
  for (let j = -h; j <= h; j++) {
    s2 += j * j;
    s4 += j ** 4;
  }
  const n = 2 * h + 1;
  const taps = Array.from({ length: n }, (_, k) => (s4 - s2 * (k - h) ** 2) / (n * s4 - s2 * s2));
  return rows.map((row, f) => {
    const out = new Float64Array(row.length);
    taps.forEach((tap, j) => {
      let g = f + j - h;
      if (g < 0) g = -g;
      if (g >= F) g = 2 * F - 2 - g;
      const from = rows[g]!;
      for (let k = 0; k < out.length; k++) out[k] = out[k]! + tap * from[k]!;
    });
    return out;
  });
}

/** The same for training and held-out rows apart: no training row may know what comes after the split. */
export const smoothApart = (rows: readonly ArrayLike<number>[], split: number, h: number): Float64Array[] => [
  ...savitzkyGolay(rows.slice(0, split), h),
  ...savitzkyGolay(rows.slice(split), h),
];
