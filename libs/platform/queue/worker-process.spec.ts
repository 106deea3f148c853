import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, createPostgresBackend } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { built } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { queueEntities } from './jobs.entities.ts';
import { Jobs } from './jobs.ts';
import { WakeUps } from './wake-ups.ts';

/** Real worker processes (the built test-worker.child.js) on a real database, killed, paused, starved and lied to. */
let t: TestDatabase;
let jobs: Jobs;
beforeAll(async () => {
  t = await testDatabase([...queueEntities]);
  jobs = new Jobs(t.db);
  await t.db.query('CREATE TABLE effects (job_id uuid, worker_id text, epoch int)');
});
afterAll(() => t.close());

interface Said {
  readonly event: string;
  readonly [more: string]: unknown;
}

class Process {
  readonly said: Said[] = [];
  readonly child: ChildProcess;
  #heard: () => void = () => undefined;

  constructor(workerId: string, more: { leaseSeconds?: number; relay?: boolean; idlePollMs?: number } = {}) {
    const options = { url: t.url, workerId, leaseSeconds: 1, relay: false, idlePollMs: 100, ...more };
    const entry = built('libs/platform/queue/test-worker.child.js');
    this.child = spawn(process.execPath, [entry, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(this.child.stdout!).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said);
      this.#heard();
    });
    running.push(this);
  }

  async until(event: string, count = 1): Promise<Said> {
    for (;;) {
      const found = this.said.filter((said) => said.event === event);
      if (found.length >= count) return found[count - 1]!;
      await new Promise<void>((done) => (this.#heard = done));
    }
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

let running: Process[] = [];
beforeEach(async () => {
  running = [];
  await t.db.query('TRUNCATE jobs, effects');
});
afterEach(() => Promise.all(running.map((process) => process.kill())));

const enqueue = (payload: Record<string, unknown>): Promise<string> =>
  t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'count', payload }));
const effects = (): Promise<{ job_id: string; worker_id: string; epoch: number }[]> => t.db.query('SELECT * FROM effects');

async function ended(ids: string[]): Promise<void> {
  for (;;) {
    const [left] = await t.db.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM jobs WHERE id = ANY($1) AND finished_at IS NULL',
      [ids],
    );
    if (left!.n === 0) return;
    await sleep(50);
  }
}

/** Everything BullMQ knows, gone. Its own statements may be in the way; then one of the two loses, and we try again. */
async function emptyQueueEngine(): Promise<void> {
  const tables = await t.db.query<{ name: string }>(
    `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables
     WHERE table_schema = 'bullmq' AND table_type = 'BASE TABLE' AND table_name <> 'migration'`,
  );
  expect(tables.length).toBeGreaterThan(3);
  for (;;) {
    try {
      await t.db.query(`TRUNCATE ${tables.map((table) => table.name).join(', ')} CASCADE`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01') throw error; // deadlock_detected
    }
  }
}

it('kill -9 in the middle: another process goes on from the checkpoint, with one effect', async () => {
  const a = new Process('a');
  await a.until('ready');
  const id = await enqueue({ steps: 8, stepMs: 100 });
  await a.until('step', 3);
  await a.kill();
  const b = new Process('b');
  const resumed = await b.until('started');
  await b.until('completed');
  expect(resumed).toMatchObject({ job: id, epoch: 2 });
  expect(resumed['from']).toBeGreaterThanOrEqual(3);
  expect(await effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
  expect(await jobs.get('acme', id)).toMatchObject({ state: 'succeeded', attempts: 2, checkpoint: { step: 8 } });
});

it('a paused process that wakes up late changes nothing', async () => {
  const a = new Process('a');
  await a.until('ready');
  const id = await enqueue({ steps: 1, stepMs: 1500, deaf: true });
  await a.until('started');
  a.child.kill('SIGSTOP');
  const b = new Process('b');
  await b.until('completed');
  const before = await jobs.get('acme', id);
  a.child.kill('SIGCONT');
  expect(await a.until('fault')).toMatchObject({ name: 'LeaseLostError' });
  expect(a.said.map((said) => said.event)).not.toContain('completed');
  expect(await effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
  expect(await jobs.get('acme', id)).toEqual(before);
});

it('the queue engine emptied in the middle of the run loses nothing', async () => {
  // Workers that practically only move when they are woken: their own poll is a minute away.
  const a = new Process('a', { relay: true, idlePollMs: 60_000 });
  const b = new Process('b', { idlePollMs: 60_000 });
  await Promise.all([a.until('ready'), b.until('ready')]);
  const ids = await Promise.all(Array.from({ length: 8 }, () => enqueue({ steps: 2, stepMs: 50 })));
  for (let round = 0; round < 4; round++) {
    await emptyQueueEngine();
    await sleep(150);
  }
  const late = await enqueue({ steps: 1, stepMs: 10 }); // after the loss, wake-ups work again
  await ended([...ids, late]);
  const done = await effects();
  expect(done.map((effect) => effect.job_id).toSorted()).toEqual([...ids, late].toSorted());
});

it('without any wake-up the poll finds the work; without poll the wake-up does', async () => {
  const polling = new Process('polling', { idlePollMs: 100 }); // nobody relays
  await polling.until('ready');
  await ended([await enqueue({ steps: 1, stepMs: 10 })]);
  await polling.kill();
  const woken = new Process('woken', { relay: true, idlePollMs: 600_000 });
  await woken.until('ready');
  await sleep(300); // past its first look for work
  await ended([await enqueue({ steps: 1, stepMs: 10 })]);
  expect((await effects()).map((effect) => effect.worker_id)).toEqual(['polling', 'woken']);
});

it('doubled and false deliveries have no effect of their own', async () => {
  // a long lease, so that a busy machine does not make a true second delivery of it
  const workers = ['a', 'b'].map((id) => new Process(id, { relay: true, leaseSeconds: 30 }));
  await Promise.all(workers.map((worker) => worker.until('ready')));
  const queue = new Queue('assent-wake-ups', { connection: { connectionString: t.url } }, createPostgresBackend);
  const faults: unknown[] = [];
  queue.on('error', (error) => faults.push(error));
  try {
    const id = await enqueue({ steps: 3, stepMs: 50 });
    for (let i = 0; i < 20; i++) await queue.add('count', { jobId: id, state: 'succeeded', payload: { steps: 0 } });
    await ended([id]);
    for (let i = 0; i < 5; i++) await queue.add('count', { jobId: id });
    await sleep(500);
    expect(await effects()).toHaveLength(1);
    expect((await jobs.get('acme', id)).lease_epoch).toBe(1);
    expect(faults).toEqual([]);
  } finally {
    await queue.close();
  }
});

it('a stopped process gives its job back at once and leaves', async () => {
  const a = new Process('a', { leaseSeconds: 60 });
  await a.until('ready');
  const id = await enqueue({ steps: 5, stepMs: 200 });
  await a.until('step', 2);
  a.child.kill('SIGTERM');
  await a.until('stopped');
  expect(await jobs.get('acme', id)).toMatchObject({ state: 'queued', attempts: 0 });
  const b = new Process('b', { leaseSeconds: 60 });
  expect((await b.until('started'))['from']).toBeGreaterThanOrEqual(2);
  await ended([id]);
  expect(await effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
});

it('while nobody listens, the sweep does not pile messages up', async () => {
  const faults: unknown[] = [];
  const wakeUps = new WakeUps(t.url, (error) => faults.push(error), { relayMs: 20, staleSeconds: 0 });
  await wakeUps.relay(jobs);
  const queue = new Queue('assent-wake-ups', { connection: { connectionString: t.url } }, createPostgresBackend);
  queue.on('error', (error) => faults.push(error));
  try {
    await queue.obliterate({ force: true });
    await enqueue({ steps: 1, stepMs: 1 });
    await sleep(1000); // about 30 sweeps
    expect(await queue.getWaitingCount()).toBe(1);
    expect(faults).toEqual([]);
  } finally {
    await queue.close();
    await wakeUps.close();
  }
});
