import type { StageShares } from '#queue';
import type { TrainingProgress } from './training.schema.ts';

/** Measured on 30 s of footage at cpu-256 on two cores. */
export const TRAINING_SHARES: StageShares<TrainingProgress['stage']> = {
  probe: 0.01,
  frames: 0.09,
  track: 0.3,
  gate: 0.01,
  fit: 0.54,
  evaluate: 0.01,
  package: 0.03,
  seal: 0.01,
};
