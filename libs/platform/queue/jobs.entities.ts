import { EntitySchema } from 'typeorm';
import type { ProblemDocument } from '#kernel';

export type JobState = 'queued' | 'running' | 'cancelling' | 'succeeded' | 'failed' | 'cancelled';

export interface JobRow {
  id: string;
  tenant_id: string;
  subject_id: string | null;
  kind: string;
  state: JobState;
  payload: Record<string, unknown>;
  /** Fencing token: grows with each lease. Every effect commits `WHERE id = … AND lease_epoch = …`. */
  lease_epoch: number;
  /** By the database's clock. */
  lease_until: Date | null;
  worker_id: string | null;
  attempts: number;
  max_attempts: number;
  progress: Record<string, unknown> | null;
  checkpoint: Record<string, unknown> | null;
  error: ProblemDocument | null;
  cancel_reason: string | null;
  /** Two requests with the same key ask for one job. */
  dedupe_key: string | null;
  /** The request that asked for the job: from the edge to the leaf. */
  request_id: string | null;
  run_after: Date;
  /** When a wake-up was last handed to the queue engine. Null: not yet. */
  woken_at: Date | null;
  /** How many events were recorded: the number of the newest one. */
  event_count: number;
  created_at: Date;
  finished_at: Date | null;
}

const jobs = new EntitySchema<JobRow>({
  name: 'jobs',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid', nullable: true },
    kind: { type: 'text' },
    state: { type: 'text' },
    payload: { type: 'jsonb' },
    lease_epoch: { type: 'int', default: 0 },
    lease_until: { type: 'timestamptz', nullable: true },
    worker_id: { type: 'text', nullable: true },
    attempts: { type: 'int', default: 0 },
    max_attempts: { type: 'int', default: 3 },
    progress: { type: 'jsonb', nullable: true },
    checkpoint: { type: 'jsonb', nullable: true },
    error: { type: 'jsonb', nullable: true },
    cancel_reason: { type: 'text', nullable: true },
    dedupe_key: { type: 'text', nullable: true },
    request_id: { type: 'text', nullable: true },
    run_after: { type: 'timestamptz', default: () => 'now()' },
    woken_at: { type: 'timestamptz', nullable: true },
    event_count: { type: 'int', default: 0 },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    finished_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'jobs_ready', columns: ['state', 'run_after'] },
    { name: 'jobs_tenant', columns: ['tenant_id', 'id'] },
    { name: 'jobs_dedupe', columns: ['tenant_id', 'kind', 'dedupe_key'], unique: true, where: '(dedupe_key IS NOT NULL)' },
  ],
});

/** What a person who watches a job is told, in order. */
export interface JobEventRow {
  job_id: string;
  tenant_id: string;
  /** 1, 2, 3, … without gaps, in the order of commit: the id of a server-sent event. */
  seq: number;
  /** `state`, `progress`, or `end`: nothing follows. */
  kind: JobEventKind;
  data: Record<string, unknown>;
  at: Date;
}
export type JobEventKind = 'state' | 'progress' | 'end';
const jobEvents = new EntitySchema<JobEventRow>({
  name: 'job_events',
  columns: {
    job_id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    seq: { type: 'int', primary: true },
    kind: { type: 'text' },
    data: { type: 'jsonb' },
    at: { type: 'timestamptz', default: () => 'clock_timestamp()' },
  },
});

export interface JobStageRow {
  job_id: string;
  tenant_id: string;
  seq: number;
  name: string;
  /** The lease that ran it: a stage of a worker that died has no end. */
  epoch: number;
  started_at: Date;
  ended_at: Date | null;
}
const jobStages = new EntitySchema<JobStageRow>({
  name: 'job_stages',
  columns: {
    job_id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    seq: { type: 'int', primary: true },
    name: { type: 'text' },
    epoch: { type: 'int' },
    started_at: { type: 'timestamptz', default: () => 'clock_timestamp()' },
    ended_at: { type: 'timestamptz', nullable: true },
  },
});

export const queueEntities = [jobs, jobEvents, jobStages];
