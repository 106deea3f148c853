import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidInputError } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { JobEventFeed, recordJobEvent, stageTimings } from './job-events.ts';
import type { JobEventRow } from './jobs.entities.ts';
import { Jobs } from './jobs.ts';
import { JobCancelledError, LeaseLostError } from './lease.ts';

let t: TestDatabase;
let jobs: Jobs;
beforeAll(async () => {
  t = await testDatabase();
  jobs = new Jobs(t.db);
});
afterAll(() => t.close());
beforeEach(async () => void (await t.db.query('DELETE FROM jobs')));

const enqueue = (): Promise<string> => t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'test', payload: {} }));
const take = async (leaseSeconds = 30) => (await jobs.acquire(['test'], 'w', leaseSeconds))!;
const eventsOf = (id: string): Promise<JobEventRow[]> =>
  t.db.query<JobEventRow>('SELECT * FROM job_events WHERE job_id = $1 ORDER BY seq', [id]);
async function collect(feed: JobEventFeed, id: string, after: number, signal: AbortSignal): Promise<number[]> {
  const seen: number[] = [];
  for await (const event of feed.watch(id, after, signal)) seen.push(event.seq);
  return seen;
}

describe('events of a job', () => {
  it('are numbered 1, 2, 3, … from its first state on', async () => {
    const id = await enqueue();
    const lease = await take();
    await lease.stage('fit', { stage: 'fit', done: 0 });
    await lease.progress({ stage: 'fit', done: 1 });
    await lease.complete((tx) => lease.event(tx, 'end', { state: 'succeeded' }));
    expect((await eventsOf(id)).map(({ seq, kind, data }) => [seq, kind, data])).toEqual([
      [1, 'state', { state: 'queued' }],
      [2, 'progress', { stage: 'fit', done: 0 }],
      [3, 'progress', { stage: 'fit', done: 1 }],
      [4, 'end', { state: 'succeeded' }],
    ]);
  });

  it('a stale holder tells nobody anything', async () => {
    const id = await enqueue();
    const stale = await take(0);
    const holder = await take();
    await expect(stale.progress({ done: 1 })).rejects.toBeInstanceOf(LeaseLostError);
    const late = await enqueue();
    const lost = await jobs.acquire(['test'], 'w', 0);
    await jobs.acquire(['test'], 'w', 30);
    await expect(lost!.stage('fit', {})).rejects.toBeInstanceOf(LeaseLostError);
    await holder.progress({ done: 2 });
    expect((await eventsOf(id)).map(({ data }) => data)).toEqual([{ state: 'queued' }, { done: 2 }]);
    expect(await stageTimings(t.db, [late])).toEqual(new Map());
  });

  it('a cancelled job says so, and its holder tells no progress any more', async () => {
    const id = await enqueue();
    const lease = await take();
    await t.db.tx((tx) => jobs.cancel(tx, 'acme', id, 'consent'));
    await expect(lease.progress({ done: 1 })).rejects.toBeInstanceOf(JobCancelledError);
    await t.db.tx((tx) => jobs.cancel(tx, 'acme', id, 'consent'));
    expect((await eventsOf(id)).map(({ data }) => data)).toEqual([
      { state: 'queued' },
      { state: 'cancelling', cancel_reason: 'consent' },
    ]);
  });

  it('of a transaction that is rolled back leave no number behind', async () => {
    const id = await enqueue();
    const broken = t.db.tx(async (tx) => {
      await recordJobEvent(tx, id, 'progress', { done: 1 });
      throw new Error('no');
    });
    await expect(broken).rejects.toThrow('no');
    await t.db.tx((tx) => recordJobEvent(tx, id, 'progress', { done: 2 }));
    expect((await eventsOf(id)).map(({ seq }) => seq)).toEqual([1, 2]);
  });
});

describe('a watcher', () => {
  it('who comes again with the last number that it saw misses nothing and sees nothing twice, while events are written', async () => {
    const id = await enqueue();
    const feed = new JobEventFeed(t.db, 5);
    const writers = Promise.all(
      [1, 2, 3, 4].map(async () => {
        for (let i = 0; i < 25; i++) await t.db.tx((tx) => recordJobEvent(tx, id, 'progress', { i }));
      }),
    ).then(() => t.db.tx((tx) => recordJobEvent(tx, id, 'end', {})));
    const seen: number[] = [];
    while (seen.at(-1) !== 102) {
      const connection = new AbortController();
      setTimeout(() => connection.abort(), 7 + (seen.length % 5));
      seen.push(...(await collect(feed, id, seen.at(-1) ?? 0, connection.signal)));
    }
    await writers;
    expect(seen).toEqual(Array.from({ length: 102 }, (_, i) => i + 1));
  });

  it('of many gets its own events only, ends with the end, and nobody asks the database when nobody watches', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, enqueue));
    const feed = new JobEventFeed(t.db, 5);
    const watching = ids.map((id) => collect(feed, id, 0, new AbortController().signal));
    for (const id of ids) await t.db.tx((tx) => recordJobEvent(tx, id, 'end', {}));
    for (const seen of await Promise.all(watching)) expect(seen).toEqual([1, 2]);
    let asked = 0;
    const counting = new JobEventFeed({ query: () => Promise.resolve((asked++, [])) } as never, 1);
    const connection = new AbortController();
    const watcher = collect(counting, ids[0]!, 0, connection.signal);
    await sleep(20);
    connection.abort();
    await watcher;
    const before = asked;
    expect(before).toBeGreaterThan(0);
    await sleep(20);
    expect(asked).toBe(before);
  });

  it('goes on behind what it saw, hears nothing behind the end, and a number that was never given out is refused', async () => {
    const id = await enqueue();
    const feed = new JobEventFeed(t.db, 5);
    expect(await feed.resume(id, undefined)).toBe(0);
    expect(await feed.resume(id, '1')).toBe(1);
    for (const wrong of ['2', '-1', 'x', '1e0', '99999999999'])
      await expect(feed.resume(id, wrong)).rejects.toBeInstanceOf(InvalidInputError);
    await t.db.tx((tx) => recordJobEvent(tx, id, 'end', {}));
    expect(await feed.resume(id, '1')).toBe(1);
    expect(await feed.resume(id, '2')).toBeUndefined();
  });

  it('hears that the database is away instead of waiting for ever', async () => {
    const feed = new JobEventFeed({ query: () => Promise.reject(new Error('away')) } as never, 5);
    await expect(collect(feed, 'a', 0, new AbortController().signal)).rejects.toThrow('away');
  });
});

describe('stage timings', () => {
  it('are of the newest attempt; a running stage has no end, a settled job has no running stage', async () => {
    const id = await enqueue();
    const first = await take(0);
    await first.stage('probe', {});
    const second = await take();
    await second.stage('probe', {});
    await second.stage('fit', {});
    const running = (await stageTimings(t.db, [id])).get(id)!;
    expect(running.map(({ name }) => name)).toEqual(['probe', 'fit']);
    expect(running[0]!.ms).toBeGreaterThanOrEqual(0);
    expect(running[1]!.ms).toBeNull();
    await second.settleFailed({ type: 't', title: 't', status: 422, detail: 'd', code: 'c' }, () => Promise.resolve());
    expect((await stageTimings(t.db, [id])).get(id)![1]!.ms).toBeGreaterThanOrEqual(0);
  });
});

it('a job with a delay waits for its time', async () => {
  await t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'test', payload: {}, delaySeconds: 60 }));
  expect(await jobs.acquire(['test'], 'w', 30)).toBeUndefined();
});
