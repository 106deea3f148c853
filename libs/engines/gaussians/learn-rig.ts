import { type Drive, coefficientIndex } from '#face';
import {
  BLOCK_COLUMNS,
  columnValue,
  columnValues,
  type DriveColumn,
  LEADERS,
  poseRow,
  POSE_COLUMNS,
  type Rig,
} from './drive-rig.ts';
import { ridge } from './linear-solve.ts';

/** A value rarer than this says nothing about what was trained: a blink's peak that one frame showed is learned from the frames below it. */
const RARE = 0.01;
/** What is left of a follower is small and noisy: its extremes are not worth following. */
const RARE_FOLLOWER = 0.02;

/** Statistics of every column over training drives. */
export function learnRig(drives: readonly Required<Drive>[], base: Pick<Rig, 'units' | 'reference' | 'torsoCentre'>): Rig {
  const values = drives.map((drive) => columnValues(base, drive, drive.torso));
  const names = [...new Set(Object.values(BLOCK_COLUMNS).flat())];
  return {
    ...base,
    torsoRule: ridge(drives.map(({ pose }) => poseRow(pose)), drives.map(({ torso: t }) => [t.x, t.y, t.roll, t.scale]), 1e-5),
    columns: names.map((name) => columnFrom(name, values)),
  }; // prettier-ignore
}

/** What leaders explain of a follower, by ridge regression over the training drives. */
function explained(name: string, rows: readonly ReadonlyMap<string, number>[]): DriveColumn['less'] {
  const group = LEADERS.find(({ followers }) => followers.includes(name));
  if (!group) return [];
  const x = rows.map((row) => group.leaders.map((leader) => row.get(leader)!));
  const [weights] = ridge(x, rows.map((row) => [row.get(name)!]), 1e-3); // prettier-ignore
  return group.leaders.map((leader, k) => ({ name: leader, by: weights![k + 1]! }));
}

function columnFrom(name: string, rows: readonly ReadonlyMap<string, number>[]): DriveColumn {
  const less = explained(name, rows);
  const values = rows.map((row) => columnValue({ name, less }, row));
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n);
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.round(q * (n - 1))]!;
  const rare = less.length > 0 ? RARE_FOLLOWER : RARE;
  const [lo, hi] = [quantile(rare), quantile(1 - rare)];
  if (coefficientIndex(name) >= 0) {
    const scale = Math.max(sd, (hi - lo) / 6, MIN_COEFFICIENT_SCALE);
    // A leader alone takes its followers along as in the footage; the asset's motion must not take them off again.
    const floor = less.length > 0 ? lo : lo - REACH;
    const raw = rows.map((row) => row.get(name)!).sort((a, b) => a - b);
    const [seenLo, seenHi] = [raw[Math.round(RARE * (n - 1))]! - TOLERANCE, raw[Math.round((1 - RARE) * (n - 1))]! + TOLERANCE];
    return { name, mean, scale, less, lo, hi, floor, ceiling: Math.max(hi, Math.min(hi + REACH, FAR)), seenLo, seenHi };
  }
  // Pose deltas extrapolate badly (yaw beyond 6° in research), so they stop at two deviations: geometry goes on.
  const scale = Math.max(sd, (hi - lo) / 6, 1e-6);
  const pad = 0.15 * (hi - lo) + 1e-6;
  const deviations = (POSE_COLUMNS as readonly string[]).includes(name) ? 2.2 : 3;
  const [low, high] = [mean - deviations * sd, mean + deviations * sd];
  return { name, mean, scale, less, lo: low, hi: high, floor: low, ceiling: high, seenLo: lo - pad, seenHi: hi + pad };
}

/** A coefficient that hardly moves gets no larger weights than this allows. */
const MIN_COEFFICIENT_SCALE = 0.06;
/** How far beyond the footage the head asset's motion carries a coefficient. */
const REACH = 0.5;
/** And no further than this unless the footage itself went further: splats drawn from a shut mouth tear when it gapes. */
const FAR = 0.6;
/** A coefficient this far beyond the footage is not worth a flag: it is the reader's noise. */
const TOLERANCE = 0.05;
