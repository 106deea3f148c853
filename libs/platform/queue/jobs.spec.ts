import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rows, schemaDrift } from '#db';
import { NotFoundError, newId } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { queueEntities } from './jobs.entities.ts';
import { Jobs, type NewJob } from './jobs.ts';
import { JobCancelledError, type Lease, LeaseLostError } from './lease.ts';

let t: TestDatabase;
let jobs: Jobs;
beforeAll(async () => {
  t = await testDatabase([...queueEntities]);
  jobs = new Jobs(t.db);
});
afterAll(() => t.close());
beforeEach(() => t.db.query('TRUNCATE jobs'));

const enqueue = (more: Partial<NewJob> = {}): Promise<string> =>
  t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'fit', payload: {}, ...more }));
const cancel = (id: string, tenantId = 'acme'): Promise<void> => t.db.tx((tx) => jobs.cancel(tx, tenantId, id, 'consent'));
const take = async (workerId = 'w', seconds = 30): Promise<Lease> => (await jobs.acquire(['fit'], workerId, seconds))!;
/** As if the holder had been silent for longer than its lease. */
const expire = (id: string): Promise<unknown> =>
  t.db.query(`UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s' WHERE id = $1`, [id]);
const nothing = async (): Promise<void> => undefined;

it('entities and migrations agree', async () => {
  expect(await schemaDrift(t.db)).toEqual([]);
});

describe('enqueue', () => {
  it('leaves nothing of a transaction that is rolled back', async () => {
    const failing = t.db.tx(async (tx) => {
      await jobs.enqueue(tx, { tenantId: 'acme', kind: 'fit', payload: {} });
      throw new Error('the audit log is full');
    });
    await expect(failing).rejects.toThrow('the audit log is full');
    expect(await jobs.list('acme')).toEqual([]);
    expect(await jobs.claimWakeUps(10)).toEqual([]);
  });

  it('asks for one job when a request with a key is sent twice, also at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => enqueue({ dedupeKey: 'request-1' })));
    expect(new Set(ids).size).toBe(1);
    const others = [
      await enqueue({ dedupeKey: 'request-1', kind: 'render' }),
      await enqueue({ dedupeKey: 'request-1', tenantId: 'globex' }),
      await enqueue(),
      await enqueue(),
    ];
    expect(new Set([...ids, ...others]).size).toBe(5);
  });

  it('shows a job to its own tenant only', async () => {
    const id = await enqueue();
    await expect(jobs.get('globex', id)).rejects.toThrow(NotFoundError);
    expect(await jobs.list('globex')).toEqual([]);
    await cancel(id, 'globex');
    expect((await jobs.get('acme', id)).state).toBe('queued');
  });

  it('lists every job once, whatever the page size, while others are added', async () => {
    const subjectId = newId();
    const wanted = await t.db.tx(async (tx) => {
      const ids: string[] = [];
      for (let i = 0; i < 23; i++) ids.push(await jobs.enqueue(tx, { tenantId: 'acme', kind: 'fit', payload: { i }, subjectId }));
      return ids;
    });
    for (const limit of [1, 7, 23, 100]) {
      const seen: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await jobs.list('acme', { subjectId, limit, ...(after === undefined ? {} : { after }) });
        seen.push(...page.map((row) => row.id));
        after = page.at(-1)?.id;
        if (page.length < limit) break;
        await enqueue();
      }
      expect(seen.toSorted()).toEqual(wanted.toSorted());
    }
    expect(await jobs.list('acme', { state: 'running' })).toEqual([]);
  });
});

describe('acquire', () => {
  it('gives each job to one holder, however many ask', async () => {
    for (let i = 0; i < 10; i++) await enqueue();
    const leases = await Promise.all(Array.from({ length: 30 }, (_, i) => jobs.acquire(['fit'], `w${i}`, 30)));
    const taken = leases.filter((lease) => lease !== undefined).map((lease) => lease.jobId);
    while (taken.length < 10) taken.push((await take()).jobId); // SKIP LOCKED may pass over rows that are just being taken
    expect(new Set(taken).size).toBe(10);
    expect(await jobs.acquire(['fit'], 'late', 30)).toBeUndefined();
  });

  it('gives only kinds that were asked for, oldest first, and none before its time', async () => {
    const [first, second] = [await enqueue(), await enqueue()];
    await enqueue({ kind: 'render' });
    await t.db.query(`UPDATE jobs SET run_after = run_after - interval '1 s' WHERE id = $1`, [second]);
    expect((await take()).jobId).toBe(second);
    await t.db.query(`UPDATE jobs SET run_after = clock_timestamp() + interval '1 h' WHERE id = $1`, [first]);
    expect(await jobs.acquire(['fit'], 'w', 30)).toBeUndefined();
  });

  it('raises the epoch of a job whose holder fell silent, by the clock of the database', async () => {
    const id = await enqueue();
    const first = await take('a');
    expect(await jobs.acquire(['fit'], 'b', 30)).toBeUndefined();
    await expire(id);
    const second = await take('b');
    expect([first.epoch, second.epoch]).toEqual([1, 2]);
    expect((await jobs.get('acme', id)).worker_id).toBe('b');
  });

  it('hands the checkpoint of an earlier holder on', async () => {
    const id = await enqueue();
    await (await take()).checkpoint({ iteration: 400 });
    await expire(id);
    expect((await take()).checkpointed).toEqual({ iteration: 400 });
  });
});

describe('a stale lease', () => {
  /** A holder whose lease ran out and whose job somebody else took. */
  async function overtaken(): Promise<{ stale: Lease; fresh: Lease; id: string }> {
    const id = await enqueue();
    const stale = await take('a');
    await expire(id);
    return { stale, fresh: await take('b'), id };
  }

  const acts: [string, (lease: Lease) => Promise<void>][] = [
    ['heartbeat', (lease) => lease.heartbeat()],
    ['progress', (lease) => lease.progress({ done: 1 })],
    ['checkpoint', (lease) => lease.checkpoint({ step: 1 })],
    ['commit', (lease) => lease.commit(nothing)],
    ['complete', (lease) => lease.complete(nothing)],
    ['fail', (lease) => lease.settleFailed({ type: 'x', title: 'x', status: 500, detail: 'x', code: 'x' }, nothing)],
    ['cancel', (lease) => lease.settleCancelled(nothing)],
    ['requeue', (lease) => lease.requeue(nothing)],
    ['release', (lease) => lease.release(nothing)],
  ];

  it.each(acts)('%s is refused and changes nothing', async (_, act) => {
    const { stale, id } = await overtaken();
    const before = await jobs.get('acme', id);
    await expect(act(stale)).rejects.toThrow(LeaseLostError);
    expect(await jobs.get('acme', id)).toEqual(before);
    expect(stale.signal.reason).toBeInstanceOf(LeaseLostError);
  });

  it('never runs the work that would have had the effect', async () => {
    const { stale, fresh } = await overtaken();
    let ran = 0;
    const work = async (): Promise<void> => void ran++;
    await expect(stale.complete(work)).rejects.toThrow(LeaseLostError);
    await expect(stale.commit(work)).rejects.toThrow(LeaseLostError);
    await expect(stale.requeue(work)).rejects.toThrow(LeaseLostError);
    await fresh.complete(work);
    await expect(fresh.complete(work)).rejects.toThrow(LeaseLostError); // an ended job has no holder
    expect(ran).toBe(1);
  });

  it('a lease that ran out but that nobody took is still good', async () => {
    const id = await enqueue();
    const lease = await take();
    await expire(id);
    await lease.heartbeat();
    expect(await jobs.acquire(['fit'], 'b', 30)).toBeUndefined();
    await lease.complete(nothing);
    expect((await jobs.get('acme', id)).state).toBe('succeeded');
  });

  it('if the work of the end fails, the job is as unfinished as before', async () => {
    const id = await enqueue();
    const lease = await take();
    const failing = lease.complete(async (tx) => {
      await rows(tx, `UPDATE jobs SET payload = '{"half": true}' WHERE id = $1`, [id]);
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'running', payload: {}, finished_at: null });
    expect(lease.settled).toBe(false);
  });
});

it('a deadlock at the very end does not cost the job', async () => {
  await t.db.query('CREATE TABLE result (n int); INSERT INTO result VALUES (0)');
  const id = await enqueue();
  const lease = await take();
  let tries = 0;
  let waits!: () => void;
  const waiting = new Promise<void>((done) => (waits = done));
  // The other one holds the result and wants the job; we hold the job and want the result. We look for a cycle first, so we are the victim.
  const other = t.db.tx(async (tx) => {
    await rows(tx, `SET LOCAL deadlock_timeout = '1min'`);
    await rows(tx, 'UPDATE result SET n = n + 1');
    const ending = lease.complete(async (mine) => {
      tries++;
      await rows(mine, `SET LOCAL deadlock_timeout = '2s'`);
      waits();
      await rows(mine, 'UPDATE result SET n = n + 1');
    });
    await waiting;
    // Until we really wait.
    const held = `SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`;
    while ((await t.db.query(held)).length === 0) await sleep(5);
    await rows(tx, `UPDATE jobs SET payload = '{"seen": true}' WHERE id = $1`, [id]);
    return { ending };
  });
  await (
    await other
  ).ending;
  expect(tries).toBe(2);
  expect(await t.db.query('SELECT n FROM result')).toEqual([{ n: 2 }]);
  expect((await jobs.get('acme', id)).state).toBe('succeeded');
});

describe('cancel', () => {
  it('a running job hears of it at its next sign of life and cannot complete', async () => {
    const id = await enqueue();
    const lease = await take();
    await cancel(id);
    await expect(lease.complete(nothing)).rejects.toThrow(JobCancelledError);
    await expect(lease.heartbeat()).rejects.toThrow(JobCancelledError);
    expect(lease.signal.reason).toMatchObject({ reason: 'consent' });
    await lease.settleCancelled(nothing);
    expect(await jobs.get('acme', id)).toMatchObject({ state: 'cancelled', cancel_reason: 'consent' });
  });

  it('a waiting job is handed out only to be ended, even if it was to wait longer', async () => {
    const id = await enqueue();
    await t.db.query(`UPDATE jobs SET run_after = clock_timestamp() + interval '1 h' WHERE id = $1`, [id]);
    await cancel(id);
    expect(await jobs.claimWakeUps(10)).toHaveLength(1);
    const lease = await take();
    expect(lease.signal.reason).toBeInstanceOf(JobCancelledError);
    expect(await jobs.acquire(['fit'], 'b', 30)).toBeUndefined();
  });

  it('is handed on when the holder dies before it could end the job', async () => {
    const id = await enqueue();
    await take('a');
    await cancel(id);
    await expire(id);
    const heir = await take('b');
    expect(heir.signal.reason).toBeInstanceOf(JobCancelledError);
    await heir.settleCancelled(nothing);
    expect((await jobs.get('acme', id)).state).toBe('cancelled');
  });

  it('changes nothing about a job that ended', async () => {
    const id = await enqueue();
    await (await take()).complete(nothing);
    const before = await jobs.get('acme', id);
    await cancel(id);
    expect(await jobs.get('acme', id)).toEqual(before);
  });
});

describe('wake-ups', () => {
  it('are claimed once, and again when nobody came or the holder fell silent', async () => {
    const id = await enqueue();
    const claims = await Promise.all([jobs.claimWakeUps(10), jobs.claimWakeUps(10)]);
    expect(claims.flat()).toEqual([{ id, kind: 'fit', lease_epoch: 0 }]);
    expect(await jobs.claimWakeUps(10)).toEqual([]);
    await t.db.query(`UPDATE jobs SET woken_at = woken_at - interval '11 s'`);
    expect(await jobs.claimWakeUps(10)).toHaveLength(1);
    await take();
    await t.db.query(`UPDATE jobs SET woken_at = woken_at - interval '11 s'`);
    expect(await jobs.claimWakeUps(10)).toEqual([]); // held
    await expire(id);
    expect(await jobs.claimWakeUps(10)).toEqual([{ id, kind: 'fit', lease_epoch: 1 }]);
  });
});

it('whatever happens in whatever order, a job has at most one effect and one end', async () => {
  const act = fc.constantFrom('take', 'expire', 'cancel', 'beat', 'complete', 'requeue', 'fail');
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 3, maxLength: 14 }), fc.infiniteStream(fc.nat(3)), async (acts, picks) => {
      await t.db.query('TRUNCATE jobs');
      const id = await enqueue();
      const leases: Lease[] = [];
      let effects = 0;
      const outcome = { type: 'x', title: 'x', status: 500, detail: 'x', code: 'x' };
      for (const what of acts) {
        const lease = leases[picks.next().value! % Math.max(1, leases.length)];
        try {
          if (what === 'take') {
            const taken = await jobs.acquire(['fit'], 'w', 30);
            if (taken) leases.push(taken);
          } else if (what === 'expire') await expire(id);
          else if (what === 'cancel') await cancel(id);
          else if (what === 'beat') await lease?.heartbeat();
          else if (what === 'complete') await lease?.complete(async () => void effects++);
          else if (what === 'requeue') await lease?.requeue(nothing);
          else await lease?.settleFailed(outcome, nothing);
        } catch (error) {
          if (!(error instanceof LeaseLostError) && !(error instanceof JobCancelledError)) throw error;
        }
        await t.db.query(`UPDATE jobs SET run_after = clock_timestamp() WHERE run_after > clock_timestamp()`);
      }
      const row = await jobs.get('acme', id);
      expect(effects).toBe(row.state === 'succeeded' ? 1 : 0);
      expect(row.finished_at !== null).toBe(['succeeded', 'failed', 'cancelled'].includes(row.state));
      expect(leases.map((lease) => lease.epoch)).toEqual(leases.map((_, i) => i + 1));
      expect(leases.filter((lease) => lease.settled && row.finished_at !== null).length).toBeGreaterThanOrEqual(
        row.finished_at === null ? 0 : 1,
      );
    }),
    { numRuns: 60 },
  );
});
