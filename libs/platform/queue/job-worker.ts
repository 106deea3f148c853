import { setTimeout as sleep } from 'node:timers/promises';
import { type ProblemDocument, type Tx, DomainError, toProblem } from '#kernel';
import type { Jobs } from './jobs.ts';
import { JobCancelledError, type Lease, LeaseLostError } from './lease.ts';
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
  #current: Promise<void> = Promise.resolve();

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
    await this.wakeUps?.listen(() => this.#wake?.());
    this.#loop = this.#run();
  }

  /** Takes no new job and waits for the current one. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#wake?.();
    await this.#loop;
  }

  /** Runs what is ready now, then returns: for tests and for the demo's own pace. Returns how many jobs ran. */
  async drain(): Promise<number> {
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
      const woken = new Promise<void>((done) => (this.#wake = done));
      const idle = new AbortController();
      await Promise.race([woken, sleep(this.options.idlePollMs ?? 1000, undefined, { signal: idle.signal }).catch(ignoreAbort)]);
      idle.abort();
    }
    await this.#current;
  }

  async #next(): Promise<boolean> {
    const lease = await this.jobs.acquire([...this.#handlers.keys()], this.options.workerId, this.#leaseSeconds);
    if (!lease) return false;
    this.#current = this.#carryOut(lease, this.#handlers.get(lease.row.kind)!);
    await this.#current;
    return true;
  }

  async #carryOut(lease: Lease, handler: JobHandler): Promise<void> {
    const beat = setInterval(
      () => {
        lease.heartbeat().catch((error: unknown) => {
          if (!(error instanceof DomainError)) this.options.onFault?.(error, handler.kind); // a lost connection: the next beat tries again
        });
      },
      (this.#leaseSeconds * 1000) / 3,
    );
    try {
      if (lease.signal.aborted) throw lease.signal.reason as Error;
      await handler.run(lease);
    } catch (error) {
      await this.#settle(lease, handler, lease.signal.aborted ? (lease.signal.reason as Error) : error);
    } finally {
      clearInterval(beat);
    }
  }

  async #settle(lease: Lease, handler: JobHandler, error: unknown): Promise<void> {
    const write = (outcome: JobOutcome) => async (tx: Tx) => handler.settled?.(tx, lease, outcome);
    try {
      if (error instanceof LeaseLostError) return this.options.onFault?.(error, handler.kind);
      if (error instanceof JobCancelledError)
        return await lease.settleCancelled(write({ state: 'cancelled', cancelReason: error.reason }));
      const problem = toProblem(error);
      // A refusal is an answer: trying again would only repeat it. A fault may pass.
      if (!(error instanceof DomainError)) this.options.onFault?.(error, handler.kind);
      if (!(error instanceof DomainError) && lease.attemptsLeft) return await lease.requeue(write({ state: 'queued', problem }));
      await lease.settleFailed(problem, write({ state: 'failed', problem }));
    } catch (fault) {
      // The row stays leased until its time runs out; the sweeper then gives it to somebody else.
      this.options.onFault?.(fault, handler.kind);
    }
  }
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}
