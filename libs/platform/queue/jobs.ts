import { type Db, rows } from '#db';
import { type Principal, type Tx, NotFoundError, newId } from '#kernel';
import type { JobRow, JobState } from './jobs.entities.ts';
import { recordJobEvent } from './job-events.ts';
import { Lease } from './lease.ts';

export interface NewJob {
  readonly tenantId: string;
  readonly kind: string;
  readonly payload: Record<string, unknown>;
  readonly subjectId?: string;
  readonly maxAttempts?: number;
  /** A second request of the tenant with the same kind and key gets the first one's job, whatever became of it. */
  readonly dedupeKey?: string;
  /** Nobody takes it before this much time has passed, by the database's clock. */
  readonly delaySeconds?: number;
  /** The HTTP request that asked for it. */
  readonly requestId?: string | undefined;
}

/**
 * The dedupe key of a job that a request with an `Idempotency-Key` asks for: a crash between the job's commit and the stored answer then
 * asks for no second one. Per actor and day, as the key itself is.
 */
export function dedupeKeyOf(principal: Principal, idempotencyKey: string | undefined): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  return `${principal.actorId}|${new Date().toISOString().slice(0, 10)}|${idempotencyKey}`;
}

export interface JobFilter {
  readonly kind?: string;
  readonly state?: JobState;
  readonly subjectId?: string;
  /** The last id of the page before; ids are in order of time, newest first. */
  readonly after?: string;
  readonly limit?: number;
}

/** A job that somebody may take: it waits, or its holder is gone, or it was cancelled before anybody took it. */
const READY = `run_after <= clock_timestamp() AND (state = 'queued'
  OR (state IN ('running', 'cancelling') AND (lease_until IS NULL OR lease_until < clock_timestamp())))`;

/** Job state lives here, in PostgreSQL, and nowhere else. The queue engine only wakes workers and may lose everything it knows. */
export class Jobs {
  constructor(private readonly db: Db) {}

  /** Part of the caller's transaction: the job exists exactly if the effect that asked for it does. */
  async enqueue(tx: Tx, job: NewJob): Promise<string> {
    const [made] = await rows<{ id: string }>(
      tx,
      `INSERT INTO jobs (id, tenant_id, subject_id, kind, state, payload, max_attempts, dedupe_key, request_id, run_after)
       VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9))
       ON CONFLICT (tenant_id, kind, dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING RETURNING id`,
      [
        newId(),
        job.tenantId,
        job.subjectId ?? null,
        job.kind,
        JSON.stringify(job.payload),
        job.maxAttempts ?? 3,
        job.dedupeKey ?? null,
        job.requestId ?? null,
        job.delaySeconds ?? 0,
      ],
    );
    if (made) {
      await recordJobEvent(tx, made.id, 'state', { state: 'queued' });
      return made.id;
    }
    const [first] = await rows<{ id: string }>(tx, 'SELECT id FROM jobs WHERE tenant_id = $1 AND kind = $2 AND dedupe_key = $3', [
      job.tenantId,
      job.kind,
      job.dedupeKey,
    ]);
    return first!.id;
  }

  /**
   * Asks for the end of a job. A running one hears of it at its next heartbeat; a waiting one is taken by a worker all the same, but
   * only to end it: the feature's own row is settled in the same transaction as the job. Idempotent; ended jobs stay as they are.
   */
  async cancel(tx: Tx, tenantId: string, id: string, reason: string): Promise<void> {
    const cancelled = await rows(
      tx,
      `UPDATE jobs SET cancel_reason = $3, state = 'cancelling', woken_at = NULL,
         run_after = CASE state WHEN 'queued' THEN clock_timestamp() ELSE run_after END
       WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running') RETURNING id`,
      [tenantId, id, reason],
    );
    if (cancelled.length > 0) await recordJobEvent(tx, id, 'state', { state: 'cancelling', cancel_reason: reason });
  }

  async get(tenantId: string, id: string): Promise<JobRow> {
    const [row] = await this.db.query<JobRow>('SELECT * FROM jobs WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no job with this id.');
    return row;
  }

  /** One page, newest first. */
  async list(tenantId: string, filter: JobFilter = {}): Promise<JobRow[]> {
    return this.db.query<JobRow>(
      `SELECT * FROM jobs WHERE tenant_id = $1 AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR state = $3)
         AND ($4::uuid IS NULL OR subject_id = $4) AND ($5::uuid IS NULL OR id < $5) ORDER BY id DESC LIMIT $6`,
      [
        tenantId,
        filter.kind ?? null,
        filter.state ?? null,
        filter.subjectId ?? null,
        filter.after ?? null,
        Math.min(filter.limit ?? 100, 1000),
      ],
    );
  }

  /**
   * Takes the oldest job that is ready, or whose lease ran out, and raises its epoch: from now on nothing that an earlier holder
   * commits has an effect. One statement, so a crash leaves either no lease or a lease that runs out by itself.
   */
  async acquire(kinds: readonly string[], workerId: string, leaseSeconds: number): Promise<Lease | undefined> {
    const [row] = await this.db.tx((tx) =>
      rows<JobRow>(
        tx,
        `UPDATE jobs SET state = CASE state WHEN 'cancelling' THEN 'cancelling' ELSE 'running' END, lease_epoch = lease_epoch + 1,
           lease_until = clock_timestamp() + make_interval(secs => $3), worker_id = $2, attempts = attempts + 1
         WHERE id = (SELECT id FROM jobs WHERE kind = ANY($1) AND ${READY}
           ORDER BY run_after, id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING *`,
        [kinds, workerId, leaseSeconds],
      ),
    );
    return row ? new Lease(this.db, row, leaseSeconds) : undefined;
  }

  /** Jobs that wait for a wake-up: never woken, woken too long ago without being taken, or whose lease ran out. */
  async claimWakeUps(staleSeconds: number): Promise<{ id: string; kind: string; lease_epoch: number }[]> {
    return this.db.tx((tx) =>
      rows(
        tx,
        `UPDATE jobs SET woken_at = clock_timestamp()
         WHERE id IN (SELECT id FROM jobs WHERE ${READY}
             AND (woken_at IS NULL OR woken_at < clock_timestamp() - make_interval(secs => $1))
           ORDER BY run_after LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, lease_epoch`,
        [staleSeconds],
      ),
    );
  }
}
