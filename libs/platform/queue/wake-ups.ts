import { setTimeout as sleep } from 'node:timers/promises';
import {
  type JobsOptions,
  type PostgresConnectionOptions,
  Queue,
  type RedisOptions,
  Worker,
  createPostgresBackend,
  createRedisBackend,
} from 'bullmq';
import type { Jobs } from './jobs.ts';

const QUEUE_NAME = 'assent-wake-ups';

/** Which engine carries the wake-ups, and where it is. */
export type WakeUpsBackend =
  { readonly kind: 'postgres'; readonly url: string } | { readonly kind: 'redis'; readonly url: string };

/** The little that we use of a queue engine; the same for both. */
interface Engine {
  queue(): Part & { add(name: string, data: object, options: JobsOptions): Promise<unknown> };
  worker(processor: () => Promise<void>): Part;
}
interface Part {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

// The backend is given each time: setDefaultBackendFactory would change it for every user of BullMQ in the process.
function engineOf(backend: WakeUpsBackend, name: string): Engine {
  if (backend.kind === 'postgres') {
    const connection: PostgresConnectionOptions = { connectionString: backend.url, migrate: true };
    return {
      queue: () => new Queue(name, { connection }, createPostgresBackend),
      worker: (processor) => new Worker(name, processor, { connection }, createPostgresBackend),
    };
  }
  // A queue that waits for a lost Redis must not hold the relay: its commands fail at once and the sweep sends again.
  const connection: RedisOptions = { url: backend.url };
  return {
    queue: () => new Queue(name, { connection: { ...connection, enableOfflineQueue: false } }, createRedisBackend),
    worker: (processor) =>
      new Worker(name, processor, { connection: { ...connection, maxRetriesPerRequest: null } }, createRedisBackend),
  };
}

/**
 * BullMQ on PostgreSQL, or on Redis for scale, used for one thing: to tell a worker in another process that there may be work. The message holds no truth;
 * a lost one is sent again by the sweep, a doubled one finds nothing to do.
 */
export class WakeUps {
  readonly #engine: Engine;
  #queue: ReturnType<Engine['queue']> | undefined;
  #worker: ReturnType<Engine['worker']> | undefined;
  readonly #stop = new AbortController();
  #relaying: Promise<void> | undefined;

  constructor(
    backend: WakeUpsBackend,
    private readonly onFault: (error: unknown) => void,
    private readonly options: { relayMs?: number; staleSeconds?: number } = {},
  ) {
    this.#engine = engineOf(backend, QUEUE_NAME);
  }

  /** The relay and sweeper: after commit, hands each waiting job to the queue engine; again when nobody took it for a while. */
  async relay(jobs: Jobs): Promise<void> {
    this.#queue = this.#engine.queue();
    this.#queue.on('error', this.onFault); // without a listener BullMQ prints a stack for each dropped connection
    await this.#queue.waitUntilReady();
    this.#relaying = this.#relay(jobs, this.#queue);
  }

  async #relay(jobs: Jobs, queue: ReturnType<Engine['queue']>): Promise<void> {
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
    this.#worker = this.#engine.worker(async () => wake());
    this.#worker.on('error', this.onFault);
    await this.#worker.waitUntilReady();
  }

  /** Close before the database stops. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#relaying;
    await this.#worker?.close(true); // by force: our processor holds nothing, and a Redis that is gone would be waited for
    await this.#queue?.close().catch(this.onFault); // an engine that is gone does not hold a process that is told to stop
  }
}

/** Sends one message through the engine and waits for it, on a queue of its own: what `doctor` calls "works". Returns the ms it took. */
export async function checkWakeUps(backend: WakeUpsBackend, patienceMs = 10_000): Promise<number> {
  const engine = engineOf(backend, 'assent-doctor');
  let heard: () => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const arrived = new Promise<void>((done, fail) => ([heard, failed] = [done, fail]));
  const late = setTimeout(() => failed(new Error(`no message came through within ${patienceMs / 1000} s`)), patienceMs);
  const [queue, worker] = [engine.queue(), engine.worker(async () => heard())];
  for (const part of [queue, worker]) part.on('error', (error) => failed(error));
  const sent = performance.now();
  try {
    const send = Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]).then(() =>
      queue.add('probe', {}, { removeOnComplete: true, removeOnFail: true }),
    );
    await Promise.race([send.then(() => arrived), arrived]);
    return performance.now() - sent;
  } finally {
    clearTimeout(late);
    await worker.close(true);
    await queue.close().catch(() => undefined); // an engine that is gone was told already
  }
}

function ignoreAbort(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}
