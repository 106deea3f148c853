import type { TrainingProgress } from './training.schema.ts';

/**
 * Share of the whole time that each stage takes, measured on 30 s of footage at cpu-256 on two cores. Only for the bar and the
 * estimate; nothing is decided by it.
 */
const SHARES: Readonly<Record<TrainingProgress['stage'], number>> = {
  probe: 0.01,
  frames: 0.09,
  track: 0.3,
  gate: 0.01,
  fit: 0.54,
  evaluate: 0.01,
  package: 0.03,
  seal: 0.01,
};
const STAGES = Object.keys(SHARES) as TrainingProgress['stage'][];

/** How much of the whole is done, 0 to 1. Never 1 before the replica exists. */
export function overallProgress({ stage, done, total }: TrainingProgress): number {
  const before = STAGES.slice(0, STAGES.indexOf(stage)).reduce((sum, name) => sum + SHARES[name], 0);
  const within = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  return Math.min(0.99, Math.round((before + SHARES[stage] * within) * 1000) / 1000);
}

/** Seconds that are probably left; null while too little is done to tell. */
export function etaSeconds(progress: number, elapsedSeconds: number): number | null {
  return progress < 0.03 ? null : Math.round((elapsedSeconds * (1 - progress)) / progress);
}
