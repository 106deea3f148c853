import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DomainError } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { type JobHandler, type JobOutcome, JobWorker, type JobWorkerOptions } from './job-worker.ts';
import { queueEntities } from './jobs.entities.ts';
import { Jobs } from './jobs.ts';
import type { Lease } from './lease.ts';

let t: TestDatabase;
let jobs: Jobs;
let faults: unknown[];
beforeAll(async () => {
  t = await testDatabase([...queueEntities]);
  jobs = new Jobs(t.db);
});
afterAll(() => t.close());
beforeEach(async () => {
  await t.db.query('TRUNCATE jobs');
  faults = [];
});

class FootageRefused extends DomainError {
  override readonly problem = { slug: 'footage-quality', status: 422, title: 'The footage cannot be used' } as const;
}
class LogAway extends DomainError {
  override readonly problem = { slug: 'log-unavailable', status: 503, title: 'The log is away' } as const;
}

/** A handler that notes how its jobs ended, in the transaction that ended them. */
class Fit implements JobHandler {
  readonly kind = 'fit';
  readonly outcomes: JobOutcome[] = [];
  constructor(readonly run: (lease: Lease) => Promise<void>) {}
  async settled(_tx: unknown, _lease: Lease, outcome: JobOutcome): Promise<void> {
    this.outcomes.push(outcome);
  }
}

const enqueue = (maxAttempts = 3): Promise<string> =>
  t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'fit', payload: {}, maxAttempts }));
const worker = (handler: JobHandler, options: Partial<JobWorkerOptions> = {}): JobWorker =>
  new JobWorker(jobs, [handler], undefined, {
    workerId: 'w',
    leaseSeconds: 1,
    idlePollMs: 20,
    onFault: (error) => faults.push(error),
    ...options,
  });
const complete = (lease: Lease): Promise<void> => lease.complete(async () => undefined);
const waitMore = (): Promise<unknown> => t.db.query(`UPDATE jobs SET run_after = clock_timestamp()`);

it('refuses a kind with two handlers', () => {
  const handler = new Fit(complete);
  expect(() => new JobWorker(jobs, [handler, new Fit(complete)], undefined, { workerId: 'w' })).toThrow(/two handlers/);
});

describe('how a job ends', () => {
  it('a refusal is final and is told as a problem document', async () => {
    const id = await enqueue();
    const handler = new Fit(() => Promise.reject(new FootageRefused('Film in better light.', { reasons: ['dark'] })));
    expect(await worker(handler).drain()).toBe(1);
    const problem = { code: 'footage-quality', status: 422, detail: 'Film in better light.', reasons: ['dark'] };
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'failed', attempts: 1, error: problem });
    expect(handler.outcomes).toMatchObject([{ state: 'failed', problem }]);
    expect(faults).toEqual([]);
  });

  it.each([
    ['a bug', () => new TypeError('x is undefined'), 'internal-error'],
    ['a 503', () => new LogAway('Try later.'), 'log-unavailable'],
  ])('%s is tried again until the attempts are used up', async (_, error, code) => {
    const id = await enqueue(2);
    const handler = new Fit(() => Promise.reject(error()));
    await worker(handler).drain();
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'queued', attempts: 1, lease_until: null });
    await waitMore();
    await worker(handler).drain();
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'failed', attempts: 2, error: { code } });
    expect(handler.outcomes.map((outcome) => outcome.state)).toEqual(['queued', 'failed']);
    expect(faults).toHaveLength(2);
  });

  it('the text of a bug does not reach the row: it may hold anything', async () => {
    const id = await enqueue(1);
    await worker(new Fit(() => Promise.reject(new Error('path /home/jane.doe/face.mp4')))).drain();
    expect(JSON.stringify(await jobs.get('acme', id))).not.toContain('jane');
  });

  it('a handler that forgets to complete is a fault, not a job that runs forever', async () => {
    const id = await enqueue(1);
    await worker(new Fit(async () => undefined)).drain();
    expect((await jobs.get('acme', id)).state).toBe('failed');
    expect(String(faults[0])).toContain('without completing its lease');
  });

  it('what fails after the commit does not undo the commit', async () => {
    const id = await enqueue();
    const handler = new Fit(async (lease) => {
      await complete(lease);
      throw new Error('could not send the news');
    });
    await worker(handler).drain();
    expect((await jobs.get('acme', id)).state).toBe('succeeded');
    expect([handler.outcomes, String(faults[0])]).toEqual([[], 'Error: could not send the news']);
  });

  it('a job that kills its workers is given up, and its feature is told', async () => {
    const id = await enqueue(2);
    for (let death = 1; death <= 2; death++) {
      await jobs.acquire(['fit'], `victim-${death}`, 30); // killed: neither completes nor fails
      await t.db.query(`UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s'`);
    }
    let ran = 0;
    const handler = new Fit(async () => void ran++);
    await worker(handler).drain();
    expect(ran).toBe(0);
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'failed', error: { code: 'attempts-exhausted' } });
    expect(handler.outcomes).toMatchObject([{ state: 'failed' }]);
  });

  it('after each lease, however it ended, whoever wrote outside the database cleans up; a throw there is only told', async () => {
    const ended: [number, boolean][] = [];
    const onEnded = async (lease: Lease): Promise<void> => {
      ended.push([lease.epoch, lease.settled]);
      throw new Error('the disk is full');
    };
    await enqueue();
    await worker(new Fit(complete), { onEnded }).drain();
    await enqueue();
    await worker(new Fit(async () => { throw new FootageRefused('no'); }), { onEnded }).drain(); // prettier-ignore
    expect(ended).toEqual([[1, true], [1, true]]); // prettier-ignore
    expect(faults.map(String)).toEqual(['Error: the disk is full', 'Error: the disk is full']);
  });

  it('if the feature cannot be told, the job is not ended either', async () => {
    const id = await enqueue();
    const handler: JobHandler = {
      kind: 'fit',
      run: () => Promise.reject(new FootageRefused('no')),
      settled: () => Promise.reject(new Error('audit log full')),
    };
    await worker(handler).drain();
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'running', error: null });
    expect(String(faults[0])).toContain('audit log full');
  });
});

describe('cancellation', () => {
  it('reaches a running handler through its signal', async () => {
    const id = await enqueue();
    let started!: () => void;
    const running = new Promise<void>((done) => (started = done));
    const handler = new Fit(async (lease) => {
      started();
      await sleep(60_000, undefined, { signal: lease.signal }); // an abort rejects with AbortError, not with the reason
    });
    const w = worker(handler);
    await w.start();
    await running;
    await t.db.tx((tx) => jobs.cancel(tx, 'acme', id, 'consent'));
    await w.stop();
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'cancelled', cancel_reason: 'consent', error: null });
    expect(handler.outcomes).toEqual([{ state: 'cancelled', cancelReason: 'consent' }]);
    expect(faults).toEqual([]);
  });

  it('of a waiting job tells the feature without running it', async () => {
    const id = await enqueue();
    await t.db.tx((tx) => jobs.cancel(tx, 'acme', id, 'consent'));
    let ran = 0;
    const handler = new Fit(async () => void ran++);
    await worker(handler).drain();
    expect([ran, handler.outcomes]).toEqual([0, [{ state: 'cancelled', cancelReason: 'consent' }]]);
    expect((await jobs.get('acme', id)).state).toBe('cancelled');
  });

  it('wins against a fault, a refusal of the commit and a stop that come at the same time', async () => {
    for (const fault of [
      async () => Promise.reject(new Error('fault')),
      complete,
      async (lease: Lease) => lease.interrupt(new Error('stop')),
    ]) {
      const id = await enqueue();
      const handler = new Fit(async (lease) => {
        await t.db.tx((tx) => jobs.cancel(tx, 'acme', id, 'consent'));
        await fault(lease);
      });
      await worker(handler).drain();
      expect((await jobs.get('acme', id)).state).toBe('cancelled');
      expect(handler.outcomes.at(-1)).toEqual({ state: 'cancelled', cancelReason: 'consent' });
    }
  });
});

describe('stopping', () => {
  it('waits for the job in hand', async () => {
    const id = await enqueue();
    let started!: () => void;
    const running = new Promise<void>((done) => (started = done));
    const w = worker(
      new Fit(async (lease) => {
        started();
        await sleep(300);
        await complete(lease);
      }),
    );
    await w.start();
    await running;
    await w.stop();
    expect((await jobs.get('acme', id)).state).toBe('succeeded');
  });

  it('after its grace gives the job back, without counting the attempt', async () => {
    const id = await enqueue();
    let started!: () => void;
    const running = new Promise<void>((done) => (started = done));
    const handler = new Fit(async (lease) => {
      await lease.checkpoint({ step: 7 });
      started();
      await sleep(60_000, undefined, { signal: lease.signal });
    });
    const w = worker(handler);
    await w.start();
    await running;
    await w.stop(50);
    expect(await jobs.get('acme', id)).toMatchObject({
      state: 'queued',
      attempts: 0,
      checkpoint: { step: 7 },
      lease_until: null,
    });
    expect(handler.outcomes).toMatchObject([{ state: 'queued' }]);
    expect(await jobs.acquire(['fit'], 'next', 30)).toBeDefined();
  });
});

it('keeps its lease through a job that lasts longer than the lease', async () => {
  const id = await enqueue();
  const w = worker(
    new Fit(async (lease) => {
      await sleep(3000);
      expect(await jobs.acquire(['fit'], 'thief', 30)).toBeUndefined();
      await complete(lease);
    }),
    { leaseSeconds: 2 },
  );
  await w.drain();
  expect(await jobs.get('acme', id)).toMatchObject({ state: 'succeeded', lease_epoch: 1 });
});
