import { type Db, rows } from '#db';
import { type ProblemDocument, type Tx, DomainError } from '#kernel';
import { recordJobEvent } from './job-events.ts';
import type { JobEventKind, JobRow, JobState } from './jobs.entities.ts';

/** deadlock_detected, serialization_failure */
const DEADLOCK = new Set(['40P01', '40001']);

/** Somebody else holds the job now. Whatever this worker made is an orphan; it must stop and change nothing. */
export class LeaseLostError extends DomainError {
  override readonly problem = { slug: 'lease-lost', status: 409, title: 'Another worker holds this job' } as const;
}

/** The job was cancelled while it ran. */
export class JobCancelledError extends DomainError {
  override readonly problem = { slug: 'job-cancelled', status: 409, title: 'The job was cancelled' } as const;
  constructor(readonly reason: string) {
    super(`The job was cancelled (${reason}).`, { cancel_reason: reason });
  }
}

/** The process is told to stop and gives the job back, for another one to go on from the last checkpoint. */
export class WorkerStoppingError extends DomainError {
  override readonly problem = { slug: 'worker-stopping', status: 503, title: 'The worker is being stopped' } as const;
}

/** Each attempt ended without an answer: a worker that was killed, ran out of memory, or a fault that does not pass. */
export class AttemptsExhaustedError extends DomainError {
  override readonly problem = { slug: 'attempts-exhausted', status: 500, title: 'The job was given up' } as const;
}

/**
 * One worker's hold on one job. Everything it writes goes through `WHERE id = … AND lease_epoch = …`: a worker that was paused and
 * wakes up late changes nothing (DESIGN rule 2).
 */
export class Lease {
  readonly jobId: string;
  readonly epoch: number;
  readonly tenantId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly checkpointed: Readonly<Record<string, unknown>> | null;
  readonly #abort = new AbortController();
  #settled = false;

  constructor(
    private readonly db: Db,
    readonly row: JobRow,
    private readonly leaseSeconds: number,
  ) {
    this.jobId = row.id;
    this.epoch = row.lease_epoch;
    this.tenantId = row.tenant_id;
    this.payload = row.payload;
    this.checkpointed = row.checkpoint;
    if (row.state === 'cancelling') this.#abort.abort(new JobCancelledError(row.cancel_reason ?? 'user'));
  }

  /** Fires with a LeaseLostError or a JobCancelledError. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Stops the work from this side of the lease. */
  interrupt(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** Whether this lease was ended: committed, failed, cancelled or given back. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Names the folder of this attempt's outputs. */
  get attempt(): string {
    return `${this.jobId}-${this.epoch}`;
  }

  /** Prolongs the lease by the database's clock and hears of cancellation. */
  async heartbeat(): Promise<void> {
    await this.#touch('lease_until = clock_timestamp() + make_interval(secs => $3)', this.leaseSeconds);
  }

  /** News for whoever watches: the job's newest progress, and the next event of its stream. A stale holder tells nobody anything. */
  async progress(value: Record<string, unknown>): Promise<void> {
    await this.#note(value);
  }

  /** The next stage of the work begins and the one before it ends: one event, and the times by the database's clock. */
  async stage(name: string, value: Record<string, unknown>): Promise<void> {
    await this.#note(value, async (tx) => {
      await this.#endStage(tx);
      await rows(
        tx,
        `INSERT INTO job_stages (job_id, tenant_id, seq, name, epoch)
         SELECT $1, $2, coalesce(max(seq), 0) + 1, $3, $4 FROM job_stages WHERE job_id = $1`,
        [this.jobId, this.tenantId, name, this.epoch],
      );
    });
  }

  /** An event of a watcher's stream, inside `commit`, `complete` or a settling, where the job's row is held already. */
  async event(tx: Tx, kind: JobEventKind, data: Record<string, unknown>): Promise<void> {
    await recordJobEvent(tx, this.jobId, kind, data);
  }

  async checkpoint(value: Record<string, unknown>): Promise<void> {
    await this.#touch('checkpoint = $3::jsonb', JSON.stringify(value));
  }

  /** An effect in the middle of the job, fenced like its end: a stale holder's `work` never runs. */
  async commit(work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#transaction(async (tx) => {
      const found = await rows(
        tx,
        `UPDATE jobs SET lease_until = clock_timestamp() + make_interval(secs => $3)
         WHERE id = $1 AND lease_epoch = $2 AND state = 'running' RETURNING id`,
        [this.jobId, this.epoch, this.leaseSeconds],
      );
      if (found.length === 0) throw await this.#whyNot(tx);
      await work(tx);
    });
  }

  /**
   * Commits the effect and the end of the job together. The fencing update comes first, so `work` never runs for a stale lease; if
   * `work` throws, the job is as unfinished as before. After a deadlock `work` runs again: it may only touch the transaction.
   * @throws LeaseLostError, JobCancelledError
   */
  async complete(work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#settle('succeeded', null, work, ['running']);
  }

  async settleFailed(problem: ProblemDocument, work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#settle('failed', problem, work, ['running', 'cancelling']);
  }

  async settleCancelled(work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#settle('cancelled', null, work, ['running', 'cancelling']);
  }

  /** Back to the queue after a fault, with a pause that doubles (at most 5 min). */
  async requeue(work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#giveBack('attempts', Math.min(300, 2 ** this.row.attempts), work);
  }

  /** Back to the queue at once and without counting the attempt: the job did nothing wrong. */
  async release(work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#giveBack('attempts - 1', 0, work);
  }

  get attemptsLeft(): boolean {
    return this.row.attempts < this.row.max_attempts;
  }

  /** Earlier holders used up every attempt without an answer: nobody may run this job again, only end it. */
  get exhausted(): boolean {
    return this.row.attempts > this.row.max_attempts;
  }

  async #giveBack(attempts: string, pauseSeconds: number, work: (tx: Tx) => Promise<void>): Promise<void> {
    await this.#transaction(async (tx) => {
      const found = await rows(
        tx,
        `UPDATE jobs SET state = 'queued', attempts = ${attempts}, lease_until = NULL, woken_at = NULL,
           run_after = clock_timestamp() + make_interval(secs => $3)
         WHERE id = $1 AND lease_epoch = $2 AND state = 'running' RETURNING id`,
        [this.jobId, this.epoch, pauseSeconds],
      );
      if (found.length === 0) throw await this.#whyNot(tx);
      await this.#endStage(tx);
      await work(tx);
    });
    this.#settled = true;
  }

  async #settle(
    state: JobState,
    problem: ProblemDocument | null,
    work: (tx: Tx) => Promise<void>,
    from: JobState[],
  ): Promise<void> {
    await this.#transaction(async (tx) => {
      const found = await rows(
        tx,
        `UPDATE jobs SET state = $3, error = $4::jsonb, finished_at = clock_timestamp(), lease_until = NULL
         WHERE id = $1 AND lease_epoch = $2 AND state = ANY($5) RETURNING id`,
        [this.jobId, this.epoch, state, problem ? JSON.stringify(problem) : null, from],
      );
      if (found.length === 0) throw await this.#whyNot(tx);
      await this.#endStage(tx);
      await work(tx);
    });
    this.#settled = true;
  }

  /** Again when PostgreSQL sacrificed us to a deadlock: nothing of it remains, and a fit of minutes must not be lost to a cycle of locks. */
  async #transaction(work: (tx: Tx) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.db.tx(work);
      } catch (error) {
        if (attempt === 3 || !DEADLOCK.has((error as { code?: string }).code ?? '')) throw error;
      }
    }
  }

  #note(value: Record<string, unknown>, work?: (tx: Tx) => Promise<void>): Promise<void> {
    return this.#touch('progress = $3::jsonb', JSON.stringify(value), async (tx) => {
      await recordJobEvent(tx, this.jobId, 'progress', value);
      await work?.(tx);
    });
  }

  async #endStage(tx: Tx): Promise<void> {
    await rows(tx, 'UPDATE job_stages SET ended_at = clock_timestamp() WHERE job_id = $1 AND epoch = $2 AND ended_at IS NULL', [
      this.jobId,
      this.epoch,
    ]);
  }

  /** `work` runs only for a lease that is held and not cancelled, with the job's row locked. */
  async #touch(assignment: string, value: unknown, work?: (tx: Tx) => Promise<void>): Promise<void> {
    if (this.signal.aborted) throw this.signal.reason as Error;
    const row = await this.db.tx(async (tx) => {
      const [held] = await rows<{ state: JobState; cancel_reason: string | null }>(
        tx,
        `UPDATE jobs SET ${assignment} WHERE id = $1 AND lease_epoch = $2 AND state IN ('running', 'cancelling') RETURNING state, cancel_reason`,
        [this.jobId, this.epoch, value],
      );
      if (held?.state === 'running') await work?.(tx);
      return held;
    });
    if (!row) throw this.#lost();
    if (row.state === 'cancelling') {
      const cancelled = new JobCancelledError(row.cancel_reason ?? 'user');
      this.#abort.abort(cancelled);
      throw cancelled;
    }
  }

  async #whyNot(tx: Tx): Promise<Error> {
    const [row] = await rows<JobRow>(tx, 'SELECT state, lease_epoch, cancel_reason FROM jobs WHERE id = $1', [this.jobId]);
    if (row && row.lease_epoch === this.epoch && row.state === 'cancelling') {
      const cancelled = new JobCancelledError(row.cancel_reason ?? 'user');
      this.#abort.abort(cancelled);
      return cancelled;
    }
    return this.#lost();
  }

  #lost(): LeaseLostError {
    const lost = new LeaseLostError('Another worker took this job after our lease ran out; our outputs are discarded.');
    this.#abort.abort(lost);
    return lost;
  }
}
