import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresConnectionOptions, Queue, Worker, createPostgresBackend } from 'bullmq';
import type { Jobs } from './jobs.ts';

const QUEUE_NAME = 'assent-wake-ups';

// The backend is given each time: setDefaultBackendFactory would change it for every user of BullMQ in the process.
const openQueue = (connection: PostgresConnectionOptions) => new Queue(QUEUE_NAME, { connection }, createPostgresBackend);
const openWorker = (connection: PostgresConnectionOptions, processor: () => Promise<void>) =>
  new Worker(QUEUE_NAME, processor, { connection }, createPostgresBackend);

/**
 * BullMQ on PostgreSQL, used for one thing: to tell a worker in another process that there may be work. The message holds no truth;
 * a lost one is sent again by the sweep, a doubled one finds nothing to do.
 */
export class WakeUps {
  #queue: ReturnType<typeof openQueue> | undefined;
  #worker: ReturnType<typeof openWorker> | undefined;
  readonly #stop = new AbortController();
  #relaying: Promise<void> | undefined;

  constructor(
    private readonly databaseUrl: string,
    private readonly onFault: (error: unknown) => void,
    private readonly options: { relayMs?: number; staleSeconds?: number } = {},
  ) {}

  get #connection(): PostgresConnectionOptions {
    return { connectionString: this.databaseUrl, migrate: true };
  }

  /** The relay and sweeper: after commit, hands each waiting job to the queue engine; again when nobody took it for a while. */
  async relay(jobs: Jobs): Promise<void> {
    this.#queue = openQueue(this.#connection);
    this.#queue.on('error', this.onFault); // without a listener BullMQ prints a stack for each dropped connection
    await this.#queue.waitUntilReady();
    this.#relaying = this.#relay(jobs, this.#queue);
  }

  async #relay(jobs: Jobs, queue: ReturnType<typeof openQueue>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        for (const job of await jobs.claimWakeUps(this.options.staleSeconds ?? 10)) {
          // One message per waiting lease: while nobody listens, the sweep does not pile them up.
          const jobId = `${job.id}.${job.lease_epoch}`;
          await queue.add(job.kind, {}, { jobId, removeOnComplete: true, removeOnFail: true });
        }
      } catch (error) {
        this.onFault(error); // woken_at may be set without a message: the sweep sends it again after staleSeconds
      }
      await sleep(this.options.relayMs ?? 250, undefined, { signal: this.#stop.signal }).catch(ignoreAbort);
    }
  }

  async listen(wake: () => void): Promise<void> {
    this.#worker = openWorker(this.#connection, async () => wake());
    this.#worker.on('error', this.onFault);
    await this.#worker.waitUntilReady();
  }

  /** Close before the database stops. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#relaying;
    await this.#worker?.close();
    await this.#queue?.close();
  }
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}
