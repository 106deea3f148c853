import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { WorkerBench } from './worker-process.fixture.ts';

/** Real worker processes (the built test-worker.child.js) on a real database, killed, paused and stopped. */
let bench: WorkerBench;
beforeAll(async () => void (bench = await WorkerBench.open()));
afterEach(() => bench.reset());
afterAll(() => bench.t.close());

it('kill -9 in the middle: another process goes on from the checkpoint, with one effect', async () => {
  const a = bench.start('a');
  await a.until('ready');
  const id = await bench.enqueue({ steps: 8, stepMs: 100 });
  await a.until('step', 3);
  await a.kill();
  const b = bench.start('b');
  const resumed = await b.until('started');
  await b.until('completed');
  expect(resumed).toMatchObject({ job: id, epoch: 2 });
  expect(resumed['from']).toBeGreaterThanOrEqual(3);
  expect(await bench.effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
  expect(await bench.jobs.get('acme', id)).toMatchObject({ state: 'succeeded', attempts: 2, checkpoint: { step: 8 } });
});

it('a paused process that wakes up late changes nothing', async () => {
  const a = bench.start('a');
  await a.until('ready');
  const id = await bench.enqueue({ steps: 1, stepMs: 1500, deaf: true });
  await a.until('started');
  a.child.kill('SIGSTOP');
  const b = bench.start('b');
  await b.until('completed');
  const before = await bench.jobs.get('acme', id);
  a.child.kill('SIGCONT');
  expect(await a.until('fault')).toMatchObject({ name: 'LeaseLostError' });
  expect(a.said.map((said) => said.event)).not.toContain('completed');
  expect(await bench.effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
  expect(await bench.jobs.get('acme', id)).toEqual(before);
});

it('a stopped process gives its job back at once and leaves', async () => {
  const a = bench.start('a', { leaseSeconds: 60 });
  await a.until('ready');
  const id = await bench.enqueue({ steps: 5, stepMs: 200 });
  await a.until('step', 2);
  a.child.kill('SIGTERM');
  await a.until('stopped');
  expect(await bench.jobs.get('acme', id)).toMatchObject({ state: 'queued', attempts: 0 });
  const b = bench.start('b', { leaseSeconds: 60 });
  expect((await b.until('started'))['from']).toBeGreaterThanOrEqual(2);
  await bench.ended([id]);
  expect(await bench.effects()).toEqual([{ job_id: id, worker_id: 'b', epoch: 2 }]);
});
