import { setTimeout as sleep } from 'node:timers/promises';
import { type ProblemDocument, type Tx, DomainError, toProblem } from '#kernel';
import type { Jobs } from './jobs.ts';
import { AttemptsExhaustedError, JobCancelledError, type Lease, LeaseLostError, WorkerStoppingError } from './lease.ts';
import type { WakeUps } from './wake-ups.ts';

/** How a job ended when it did not succeed; `queued` means it will be tried again. */
export interface JobOutcome {
  readonly state: 'failed' | 'cancelled' | 'queued';
  readonly problem?: ProblemDocument;
  readonly cancelReason?: string;
}

/** What carries out one kind of job. */
export interface JobHandler {
  readonly kind: string;
  /** Must end with `lease.complete(…)`, which commits the effect and the job's end together. */
  run(lease: Lease): Promise<void>;
  /** Writes the feature's own state in the transaction that ends (or requeues) the job. */
  settled?(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void>;
}

export interface JobWorkerOptions {
  readonly workerId: string;
  readonly leaseSeconds?: number;
  /** Looks for work this often even if no wake-up comes: any wake-up may be lost. */
  readonly idlePollMs?: number;
  /** After each lease, however it ended: whoever wrote outside the database for it cleans up there. A throw is reported. */
  readonly onEnded?: (lease: Lease) => Promise<void>;
  /** Bugs and lost leases; refusals go to the job's error. */
  readonly onFault?: (error: unknown, kind: string) => void;
}

/** Takes leases one after the other and runs their handlers. Woken by the queue engine; correct without it. */
export class JobWorker {
  readonly #handlers = new Map<string, JobHandler>();
  readonly #leaseSeconds: number;
  #running = false;
  #loop: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #woken = false;
  #lease: Lease | undefined;
  /** Set once the patience of `stop` is over: also a lease that is being taken in that moment is given back. */
  #stopping: WorkerStoppingError | undefined;

  constructor(
    private readonly jobs: Jobs,
    handlers: readonly JobHandler[],
    private readonly wakeUps: WakeUps | undefined,
    private readonly options: JobWorkerOptions,
  ) {
    for (const handler of handlers) {
      if (this.#handlers.has(handler.kind)) throw new Error(`the job kind ${handler.kind} has two handlers`);
      this.#handlers.set(handler.kind, handler);
    }
    this.#leaseSeconds = options.leaseSeconds ?? 30;
  }

  async start(): Promise<void> {
    this.#running = true;
    await this.wakeUps?.listen(() => this.#wakeUp());
    this.#loop = this.#run();
  }

  /** Takes no new job and waits for the current one; after `graceMs` interrupts it and gives it back to the queue. */
  async stop(graceMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#running = false;
    this.#wakeUp();
    const timer = Number.isFinite(graceMs)
      ? setTimeout(() => {
          this.#stopping = new WorkerStoppingError('The worker is being stopped; another one goes on.');
          this.#lease?.interrupt(this.#stopping);
        }, graceMs)
      : undefined;
    await this.#loop;
    clearTimeout(timer);
  }

  /** Runs what is ready now, then returns: for tests and for the demo's own pace. Returns how many jobs ran. */
  async drain(): Promise<number> {
    this.#stopping = undefined;
    let ran = 0;
    while (await this.#next()) ran++;
    return ran;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      let worked = false;
      try {
        worked = await this.#next();
      } catch (error) {
        // The database is away: keep trying, it is reported each time and the lease runs out by itself.
        this.options.onFault?.(error, 'acquire');
      }
      if (worked || !this.#running) continue;
      await this.#idle();
    }
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Until a wake-up or the next poll. A wake-up that came while we were looking for work counts. */
  async #idle(): Promise<void> {
    const poll = new AbortController();
    const woken = new Promise<void>((done) => (this.#wake = done));
    if (!this.#woken)
      await Promise.race([woken, sleep(this.options.idlePollMs ?? 1000, undefined, { signal: poll.signal }).catch(ignoreAbort)]);
    poll.abort();
    this.#woken = false;
  }

  async #next(): Promise<boolean> {
    const lease = await this.jobs.acquire([...this.#handlers.keys()], this.options.workerId, this.#leaseSeconds);
    if (!lease) return false;
    this.#lease = lease;
    if (this.#stopping) lease.interrupt(this.#stopping);
    await this.#carryOut(lease, this.#handlers.get(lease.row.kind)!);
    this.#lease = undefined;
    await this.options.onEnded?.(lease).catch((error: unknown) => this.options.onFault?.(error, lease.row.kind));
    return true;
  }

  async #carryOut(lease: Lease, handler: JobHandler): Promise<void> {
    const stopBeating = this.#beat(lease, handler.kind);
    try {
      lease.signal.throwIfAborted();
      if (lease.exhausted)
        throw new AttemptsExhaustedError('Each attempt ended without an answer: a worker was killed or ran out of memory.');
      await handler.run(lease);
      if (lease.settled) return;
      lease.signal.throwIfAborted();
      throw new Error(`the handler of ${handler.kind} returned without completing its lease`);
    } catch (error) {
      if (!lease.settled) await this.#settle(lease, handler, lease.signal.aborted ? lease.signal.reason : error);
      else this.options.onFault?.(error, handler.kind); // the effect is committed; only what came after it failed
    } finally {
      stopBeating();
    }
  }

  /** Three heartbeats per lease, and at least one each 2 s: they also bring the news of a cancellation. */
  #beat(lease: Lease, kind: string): () => void {
    let beating = false;
    const beat = async (): Promise<void> => {
      if (beating || lease.signal.aborted || lease.settled) return;
      beating = true;
      try {
        await lease.heartbeat();
      } catch (error) {
        if (!(error instanceof DomainError)) this.options.onFault?.(error, kind); // a lost connection: the next beat tries again
      } finally {
        beating = false;
      }
    };
    const timer = setInterval(() => void beat(), Math.min(2000, (this.#leaseSeconds * 1000) / 3));
    return () => clearInterval(timer);
  }

  async #settle(lease: Lease, handler: JobHandler, error: unknown): Promise<void> {
    const write = (outcome: JobOutcome) => async (tx: Tx) => handler.settled?.(tx, lease, outcome);
    const problem = toProblem(error);
    // A refusal is an answer: trying again would only repeat it. A fault may pass, and so may a 503.
    const mayPass = !(error instanceof DomainError) || error.problem.status === 503;
    try {
      if (error instanceof LeaseLostError) this.options.onFault?.(error, handler.kind);
      else if (error instanceof JobCancelledError)
        await lease.settleCancelled(write({ state: 'cancelled', cancelReason: error.reason }));
      else if (error instanceof WorkerStoppingError) await lease.release(write({ state: 'queued', problem }));
      else {
        if (mayPass) this.options.onFault?.(error, handler.kind);
        if (mayPass && lease.attemptsLeft) await lease.requeue(write({ state: 'queued', problem }));
        else await lease.settleFailed(problem, write({ state: 'failed', problem }));
      }
    } catch (fault) {
      // Cancelled just now: that is the outcome, whatever went wrong before it.
      if (fault instanceof JobCancelledError && !(error instanceof JobCancelledError)) return this.#settle(lease, handler, fault);
      // The row stays leased until its time runs out; the sweeper then gives it to somebody else.
      this.options.onFault?.(fault, handler.kind);
    }
  }
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}
