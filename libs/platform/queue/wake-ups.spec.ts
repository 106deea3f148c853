import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, createPostgresBackend, createRedisBackend } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '#testing';
import { WakeUps, type WakeUpsBackend } from './wake-ups.ts';
import { WorkerBench } from './worker-process.fixture.ts';

/** The same suite for both engines. Redis: Debian's server, installed as root where it is missing, else skipped with a printed reason. */
const redis = await startRedis();
afterAll(() => redis?.stop());
const ENGINES: [name: string, redisUrl: string | undefined][] = [
  ['PostgreSQL', undefined],
  ...(redis ? [[redis.name, redis.url] as [string, string]] : []),
];

let bench: WorkerBench;
beforeAll(async () => void (bench = await WorkerBench.open()));
afterAll(() => bench.t.close());

describe.each(ENGINES)('wake-ups by %s', (_, url) => {
  afterEach(() => bench.reset());
  const backend = (): WakeUpsBackend => (url === undefined ? { kind: 'postgres', url: bench.t.url } : { kind: 'redis', url });
  const start = (id: string, more: object = {}) => bench.start(id, { redis: url, ...more });

  /** The engine's own queue, as an operator with too many rights could open it. */
  const openQueue = (): Queue =>
    (url === undefined
      ? new Queue('assent-wake-ups', { connection: { connectionString: bench.t.url } }, createPostgresBackend)
      : new Queue('assent-wake-ups', { connection: { url } }, createRedisBackend)) as Queue;

  /** Everything the engine knows, gone. PostgreSQL: its own statements may be in the way; then one of the two loses, and we try again. */
  async function emptyQueueEngine(): Promise<void> {
    if (url !== undefined) {
      await redis!.flush();
      return;
    }
    const tables = await bench.t.db.query<{ name: string }>(
      `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables
       WHERE table_schema = 'bullmq' AND table_type = 'BASE TABLE' AND table_name <> 'migration'`,
    );
    expect(tables.length).toBeGreaterThan(3);
    for (;;) {
      try {
        await bench.t.db.query(`TRUNCATE ${tables.map((table) => table.name).join(', ')} CASCADE`);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== '40P01') throw error; // deadlock_detected
      }
    }
  }

  it('the queue engine emptied in the middle of the run loses nothing', async () => {
    // Workers that practically only move when they are woken: their own poll is a minute away.
    const a = start('a', { relay: true, idlePollMs: 60_000 });
    const b = start('b', { idlePollMs: 60_000 });
    await Promise.all([a.until('ready'), b.until('ready')]);
    const ids = await Promise.all(Array.from({ length: 8 }, () => bench.enqueue({ steps: 2, stepMs: 50 })));
    for (let round = 0; round < 4; round++) {
      await emptyQueueEngine();
      await sleep(150);
    }
    const late = await bench.enqueue({ steps: 1, stepMs: 10 }); // after the loss, wake-ups work again
    await bench.ended([...ids, late]);
    const done = await bench.effects();
    expect(done.map((effect) => effect.job_id).toSorted()).toEqual([...ids, late].toSorted());
  });

  it('without any wake-up the poll finds the work; without poll the wake-up does', async () => {
    const polling = start('polling', { idlePollMs: 100 }); // nobody relays
    await polling.until('ready');
    await bench.ended([await bench.enqueue({ steps: 1, stepMs: 10 })]);
    await polling.kill();
    const woken = start('woken', { relay: true, idlePollMs: 600_000 });
    await woken.until('ready');
    await sleep(300); // past its first look for work
    await bench.ended([await bench.enqueue({ steps: 1, stepMs: 10 })]);
    expect((await bench.effects()).map((effect) => effect.worker_id)).toEqual(['polling', 'woken']);
  });

  it('doubled and false deliveries have no effect of their own', async () => {
    // a long lease, so that a busy machine does not make a true second delivery of it
    const workers = ['a', 'b'].map((id) => start(id, { relay: true, leaseSeconds: 30 }));
    await Promise.all(workers.map((worker) => worker.until('ready')));
    const queue = openQueue();
    const faults: unknown[] = [];
    queue.on('error', (error) => faults.push(error));
    try {
      const id = await bench.enqueue({ steps: 3, stepMs: 50 });
      for (let i = 0; i < 20; i++) await queue.add('count', { jobId: id, state: 'succeeded', payload: { steps: 0 } });
      await bench.ended([id]);
      for (let i = 0; i < 5; i++) await queue.add('count', { jobId: id });
      await sleep(500);
      expect(await bench.effects()).toHaveLength(1);
      expect((await bench.jobs.get('acme', id)).lease_epoch).toBe(1);
      expect(faults).toEqual([]);
    } finally {
      await queue.close();
    }
  });

  it('while nobody listens, the sweep does not pile messages up', async () => {
    const faults: unknown[] = [];
    const wakeUps = new WakeUps(backend(), (error) => faults.push(error), { relayMs: 20, staleSeconds: 0 });
    await wakeUps.relay(bench.jobs);
    const queue = openQueue();
    queue.on('error', (error) => faults.push(error));
    try {
      await queue.obliterate({ force: true });
      await bench.enqueue({ steps: 1, stepMs: 1 });
      await sleep(1000); // about 30 sweeps
      expect(await queue.getWaitingCount()).toBe(1);
      expect(faults).toEqual([]);
    } finally {
      await queue.close();
      await wakeUps.close();
    }
  });
});

describe.skipIf(!redis)('Redis that goes away', () => {
  it('loses no job: the poll finds the work, the loss is told, and who is told to stop does not wait for it', async () => {
    const own = (await startRedis())!;
    const faults: unknown[] = [];
    const woken: number[] = [];
    const wakeUps = new WakeUps({ kind: 'redis', url: own.url }, (error) => faults.push(error), { relayMs: 20, staleSeconds: 0 });
    await wakeUps.relay(bench.jobs);
    await wakeUps.listen(() => woken.push(Date.now()));
    await own.stop();
    const id = await bench.enqueue({ steps: 1, stepMs: 1 });
    await sleep(300);
    expect(faults.length).toBeGreaterThan(0); // said, and survived
    expect(await bench.jobs.get('acme', id)).toMatchObject({ state: 'queued' });
    const polling = bench.start('polling', { idlePollMs: 50 });
    await bench.ended([id]);
    await polling.kill();
    await wakeUps.close(); // does not wait for it
    await bench.reset();
  });
});
