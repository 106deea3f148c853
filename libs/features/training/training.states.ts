import { Transitions } from '#kernel';

export const TRAINING_STATES = [
  'created', 'blocked', 'queued', 'preflight', 'preflight_rejected', 'fitting', 'evaluating', 'packaging', 'succeeded',
  'cancelling', 'cancelled', 'failed', 'purged',
] as const; // prettier-ignore
export type TrainingState = (typeof TRAINING_STATES)[number];

/** `preflight` covers probe, frames, track and gate: what can still refuse the footage. A retried job goes back to `queued`. */
export const trainingTransitions = new Transitions<TrainingState>('training job', {
  created: ['blocked', 'queued', 'cancelled'],
  blocked: ['queued', 'cancelled'],
  queued: ['preflight', 'cancelling', 'cancelled', 'failed'],
  preflight: ['preflight', 'preflight_rejected', 'fitting', 'cancelling', 'cancelled', 'failed', 'queued'],
  fitting: ['evaluating', 'preflight', 'cancelling', 'cancelled', 'failed', 'queued'],
  evaluating: ['packaging', 'preflight', 'cancelling', 'cancelled', 'failed', 'queued'],
  packaging: ['succeeded', 'preflight', 'cancelling', 'cancelled', 'failed', 'queued'],
  cancelling: ['cancelled'],
  preflight_rejected: ['purged'],
  succeeded: ['purged'],
  cancelled: ['purged'],
  failed: ['queued', 'purged'],
  purged: [],
});
