/**
 * log10 of the upper tail of N(0, 1): −1.3 at z 1.64, −9 at z 6. Mills' ratio as a continued fraction, right to five digits from z = 1 on;
 * a z below 1 is no evidence of anything and gives 0.
 */
export function log10Tail(z: number): number {
  if (!(z >= 1)) return 0;
  let fraction = z;
  for (let k = 60; k >= 1; k--) fraction = z + k / fraction;
  return (-z * z) / 2 / Math.LN10 - Math.log10(fraction * Math.sqrt(2 * Math.PI));
}

/** log10 of the chance that the best of `tried` looks at unmarked material scores `z` (Bonferroni). Never above 0. */
export const log10Chance = (z: number, tried: number): number => Math.min(0, log10Tail(z) + Math.log10(Math.max(1, tried)));
