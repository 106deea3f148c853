import { type Drive, coefficientIndex } from '#face';
import { BLOCK_COLUMNS, columnValues, type DriveColumn, poseRow, POSE_COLUMNS, type Rig } from './drive-rig.ts';
import { ridge } from './linear-solve.ts';

/** A value rarer than this says nothing about what was trained. */
const RARE = 0.002;

/** Statistics of every column over training drives. */
export function learnRig(drives: readonly Required<Drive>[], base: Pick<Rig, 'units' | 'reference' | 'torsoCentre'>): Rig {
  const values = drives.map((drive) => columnValues(base, drive, drive.torso));
  const names = [...new Set(Object.values(BLOCK_COLUMNS).flat())];
  return {
    ...base,
    torsoRule: ridge(drives.map(({ pose }) => poseRow(pose)), drives.map(({ torso: t }) => [t.x, t.y, t.roll, t.scale]), 1e-5),
    columns: names.map((name) => columnFrom(name, values.map((row) => row.get(name)!))),
  }; // prettier-ignore
}

function columnFrom(name: string, values: readonly number[]): DriveColumn {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.round(q * (n - 1))]!;
  const [lo, hi] = [quantile(RARE), quantile(1 - RARE)];
  if (coefficientIndex(name) >= 0) {
    // Coefficients carry the head asset's own motion, so a little beyond the footage is still a face.
    const scale = Math.max(sd, (hi - lo) / 6, MIN_COEFFICIENT_SCALE);
    const pad = Math.max(0.25 * (hi - lo), COEFFICIENT_REACH);
    return { name, mean, scale, lo: Math.max(0, lo - pad), hi: Math.min(1, hi + pad), seenLo: lo - 0.05, seenHi: hi + 0.05 };
  }
  // Pose and torso deltas are learned only and extrapolate badly (yaw beyond 6° in research), so they stop at two deviations: geometry goes on.
  const scale = Math.max(sd, (hi - lo) / 6, 1e-6);
  const pad = 0.15 * (hi - lo) + 1e-6;
  const reach = (POSE_COLUMNS as readonly string[]).includes(name) ? 2.2 : 3;
  return { name, mean, scale, lo: mean - reach * sd, hi: mean + reach * sd, seenLo: lo - pad, seenHi: hi + pad };
}

const MIN_COEFFICIENT_SCALE = 0.06;
/** A coefficient may go this far beyond the footage. */
const COEFFICIENT_REACH = 0.3;
