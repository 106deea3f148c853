import { type Db, rows } from '#db';
import { type Tx, NotFoundError, newId } from '#kernel';
import type { JobRow } from './jobs.entities.ts';
import { Lease } from './lease.ts';

export interface NewJob {
  readonly tenantId: string;
  readonly kind: string;
  readonly payload: Record<string, unknown>;
  readonly subjectId?: string;
  readonly maxAttempts?: number;
}

/** Job state lives here, in PostgreSQL, and nowhere else. The queue engine only wakes workers and may lose everything it knows. */
export class Jobs {
  constructor(private readonly db: Db) {}

  /** Part of the caller's transaction: the job exists exactly if the effect that asked for it does. */
  async enqueue(tx: Tx, job: NewJob): Promise<string> {
    const id = newId();
    await rows(
      tx,
      `INSERT INTO jobs (id, tenant_id, subject_id, kind, state, payload, max_attempts) VALUES ($1, $2, $3, $4, 'queued', $5, $6)`,
      [id, job.tenantId, job.subjectId ?? null, job.kind, JSON.stringify(job.payload), job.maxAttempts ?? 3],
    );
    return id;
  }

  /** A queued job is cancelled at once; a running one is told at its next heartbeat. Idempotent; ended jobs stay as they are. */
  async cancel(tx: Tx, tenantId: string, id: string, reason: string): Promise<void> {
    await rows(
      tx,
      `UPDATE jobs SET cancel_reason = $3, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE 'cancelling' END,
         finished_at = CASE state WHEN 'queued' THEN clock_timestamp() END
       WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'running')`,
      [tenantId, id, reason],
    );
  }

  async get(tenantId: string, id: string): Promise<JobRow> {
    const [row] = await this.db.query<JobRow>('SELECT * FROM jobs WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no job with this id.');
    return row;
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
         WHERE id = (SELECT id FROM jobs
           WHERE kind = ANY($1) AND run_after <= clock_timestamp()
             AND (state = 'queued' OR (state IN ('running', 'cancelling') AND lease_until < clock_timestamp()))
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
         WHERE id IN (SELECT id FROM jobs
           WHERE run_after <= clock_timestamp()
             AND (state = 'queued' OR (state IN ('running', 'cancelling') AND lease_until < clock_timestamp()))
             AND (woken_at IS NULL OR woken_at < clock_timestamp() - make_interval(secs => $1))
           ORDER BY run_after LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, lease_epoch`,
        [staleSeconds],
      ),
    );
  }
}
