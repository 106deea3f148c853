import { z } from 'zod';
import type { JobStanding } from '#queue';
import type { TrainingRow } from './training.entities.ts';
import { type TrainingState, TRAINING_STATES, trainingTransitions } from './training.states.ts';

const problem = z.looseObject({ code: z.string(), title: z.string(), status: z.int(), detail: z.string() });

export const stageWire = z.strictObject({ name: z.string(), started_at: z.iso.datetime(), ms: z.int().nullable().describe('null while it runs') }); // prettier-ignore

export const trainingWire = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(TRAINING_STATES),
    stage: z.string().nullable(),
    progress: z.number().min(0).max(1),
    eta_seconds: z.int().nullable(),
    subject_id: z.uuid(),
    consent_id: z.uuid(),
    upload_id: z.uuid(),
    replica_id: z.uuid().nullable(),
    cancel_reason: z.enum(['user', 'consent', 'operator']).nullable(),
    error: problem.nullable(),
    stages: z.array(stageWire).describe('of the newest attempt'),
    created_at: z.iso.datetime(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'TrainingJob' });
export type TrainingWire = z.input<typeof trainingWire>;

/** What a running job last told: written by the worker, shown to whoever asks. */
export interface StoredProgress {
  readonly stage?: string;
  readonly progress?: number;
  readonly eta_seconds?: number | null;
}

/** A job that was told to stop is `cancelling` until its worker has heard of it. */
export const stateOf = (row: TrainingRow, job: JobStanding | undefined): TrainingState =>
  row.finished_at === null && job?.state === 'cancelling' ? 'cancelling' : row.state;

export function toWire(row: TrainingRow, job: JobStanding | undefined): TrainingWire {
  const state = stateOf(row, job);
  const ended = row.finished_at !== null;
  const told = (job?.progress ?? {}) as StoredProgress;
  return {
    id: row.id,
    state,
    stage: ended || state === 'queued' ? null : (told.stage ?? null),
    progress: row.state === 'succeeded' ? 1 : state === 'queued' ? 0 : (told.progress ?? 0),
    eta_seconds: ended || state === 'queued' ? null : (told.eta_seconds ?? null),
    subject_id: row.subject_id,
    consent_id: row.consent_id,
    upload_id: row.upload_id,
    replica_id: row.replica_id,
    cancel_reason: row.cancel_reason ?? (ended ? null : (job?.cancel_reason as TrainingRow['cancel_reason'])) ?? null,
    error: row.error as TrainingWire['error'],
    stages: [...(job?.stages ?? [])],
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

/** Whether a client should ask again. */
export const isRunning = (state: TrainingState): boolean =>
  state !== 'succeeded' &&
  state !== 'failed' &&
  state !== 'cancelled' &&
  state !== 'preflight_rejected' &&
  !trainingTransitions.isTerminal(state);
