import { Queue, Worker, createPostgresBackend, setDefaultBackendFactory } from 'bullmq';
import type { Jobs } from './jobs.ts';

const QUEUE_NAME = 'assent-wake-ups';

/**
 * BullMQ on PostgreSQL, used for one thing: to tell a worker in another process that there may be work. The message holds no truth;
 * a lost one is sent again by the sweep, a doubled one finds nothing to do.
 */
export class WakeUps {
  #queue: Queue | undefined;
  #worker: Worker | undefined;
  #relay: NodeJS.Timeout | undefined;
  #relaying: Promise<void> = Promise.resolve();

  constructor(
    private readonly databaseUrl: string,
    private readonly onFault: (error: unknown) => void,
    private readonly options: { relayMs?: number; staleSeconds?: number } = {},
  ) {
    setDefaultBackendFactory(createPostgresBackend);
  }

  /** The relay and sweeper: after commit, hands each waiting job to the queue engine; again when nobody took it for a while. */
  async relay(jobs: Jobs): Promise<void> {
    this.#queue = new Queue(QUEUE_NAME, { connection: { connectionString: this.databaseUrl, migrate: true } as never });
    this.#queue.on('error', this.onFault); // without a listener BullMQ prints a stack for each dropped connection
    await this.#queue.waitUntilReady();
    const turn = async (): Promise<void> => {
      try {
        for (const job of await jobs.claimWakeUps(this.options.staleSeconds ?? 10)) {
          await this.#queue!.add(job.kind, { jobId: job.id }, { removeOnComplete: true, removeOnFail: true });
        }
      } catch (error) {
        this.onFault(error); // woken_at may be set without a message: the sweep sends it again after staleSeconds
      }
    };
    this.#relay = setInterval(() => void (this.#relaying = this.#relaying.then(turn)), this.options.relayMs ?? 250);
  }

  async listen(wake: () => void): Promise<void> {
    this.#worker = new Worker(
      QUEUE_NAME,
      () => {
        wake();
        return Promise.resolve();
      },
      { connection: { connectionString: this.databaseUrl, migrate: true } as never },
    );
    this.#worker.on('error', this.onFault);
    await this.#worker.waitUntilReady();
  }

  /** Close before the database stops. */
  async close(): Promise<void> {
    clearInterval(this.#relay);
    await this.#relaying;
    await this.#worker?.close();
    await this.#queue?.close();
  }
}
