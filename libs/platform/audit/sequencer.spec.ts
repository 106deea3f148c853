import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDb } from '#db';
import { built } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { CompactRange, leafHash, openCheckpoint, signCheckpoint } from '#tlog';
import { auditEntities } from './audit.entities.ts';
import { appendSome, testSigner } from './audit.fixture.ts';
import { LogUnavailableError } from './audit.ts';
import { CutProxy } from './cut-proxy.fixture.ts';
import { LogRolledBackError } from './head-check.ts';
import { HeadFile } from './head-file.ts';
import { LogDamagedError, Sequencer } from './sequencer.ts';

const signer = testSigner();
let t: TestDatabase;
let place: string;
let headPath: string;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'assent-sequencer-'));
  t = await testDatabase([...auditEntities] as never[]);
});
afterAll(async () => {
  await t.close();
  rmSync(place, { recursive: true, force: true });
});

const open: Sequencer[] = [];
function sequencer(onFault?: (error: unknown) => void, db = t.db): Sequencer {
  const made = new Sequencer(db, signer, new HeadFile(headPath), onFault);
  open.push(made);
  return made;
}
let round = 0;
beforeEach(async () => {
  headPath = join(place, `log-${round++}/head`);
  await t.db.query('TRUNCATE audit_outbox, log_entries, log_tiles, log_checkpoints');
});
afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

const head = (): { size: number; root: Buffer } =>
  openCheckpoint(readFileSync(headPath, 'utf8'), [signer.verifierKey], signer.name);

/** Every promise of a log, re-derived from its lines: dense, unmoved, each event once, every checkpoint ever signed holds. */
async function requireSound(ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await t.db.query<{ idx: string; event_id: string; line: string; leaf: Buffer }>(
    'SELECT idx, event_id, line, leaf FROM log_entries ORDER BY idx',
  );
  const notes = await t.db.query<{ note: string }>('SELECT note FROM log_checkpoints ORDER BY size');
  const signed = new Map(
    notes.map(({ note }) => openCheckpoint(note, [signer.verifierKey], signer.name)).map((c) => [c.size, c.root]),
  );
  const range = new CompactRange();
  rows.forEach((row, i) => {
    expect(Number(row.idx)).toBe(i);
    expect(JSON.parse(row.line)).toMatchObject({ sequence: i, id: row.event_id });
    expect(row.leaf).toEqual(leafHash(Buffer.from(row.line)));
    range.append(row.leaf);
    const root = signed.get(range.size);
    if (root) expect(root).toEqual(range.root());
    signed.delete(range.size);
  });
  expect([...signed.keys()]).toEqual([]);
  const places = new Map(rows.map((row) => [row.event_id, Number(row.idx)]));
  expect(places.size).toBe(rows.length);
  expect([...places.keys()].sort()).toEqual([...ids].sort());
  expect(await t.db.query('SELECT 1 FROM audit_outbox')).toEqual([]);
  expect(head()).toMatchObject({ size: rows.length, root: range.root() });
  return places;
}

/** The whole log as it is now, to be put back later: what restoring an old backup does. */
async function backup(): Promise<() => Promise<void>> {
  const tables = ['audit_outbox', 'log_entries', 'log_tiles', 'log_checkpoints'];
  for (const table of tables) await t.db.query(`CREATE TABLE backup_${table} AS TABLE ${table}`);
  return async () => {
    await t.db.query(`TRUNCATE ${tables.join(', ')}`);
    for (const table of tables) {
      await t.db.query(`INSERT INTO ${table} SELECT * FROM backup_${table}`);
      await t.db.query(`DROP TABLE backup_${table}`);
    }
  };
}

describe('sequencing', () => {
  it('puts every committed event into the log once, in batches, each under a signed checkpoint', async () => {
    const ids = await appendSome(t.db, 2500, 2500);
    const one = sequencer();
    expect(await one.drain()).toBe(2500);
    const more = await appendSome(t.db, 3);
    expect(await one.drain()).toBe(2503);
    await requireSound([...ids, ...more]);
    expect(await t.db.query('SELECT size::int FROM log_checkpoints ORDER BY size')).toEqual([1000, 2000, 2500, 2503].map((size) => ({ size }))); // prettier-ignore
  });

  it('works by itself once it is started', async () => {
    const one = sequencer();
    await one.start(5);
    const ids = await appendSome(t.db, 40, 1);
    while ((await t.db.query('SELECT 1 FROM audit_outbox')).length > 0) await sleep(10);
    await one.stop();
    await requireSound(ids);
  });

  it('goes on where it was after a restart, at any size', async () => {
    const ids: string[] = [];
    for (const count of [1, 254, 1, 1, 255, 300]) {
      ids.push(...(await appendSome(t.db, count)));
      const one = sequencer();
      await one.drain();
      await one.stop();
    }
    await requireSound(ids);
  });
});

describe('one leader', () => {
  it('a second process stands by, waits for what it appended, and takes over', async () => {
    const a = sequencer();
    const b = sequencer();
    await a.start(5);
    await b.start(5);
    expect([a.leads, b.leads]).toEqual([true, false]);
    const ids = await appendSome(t.db, 20, 1);
    expect(await b.drain()).toBe(20); // written by a
    await a.stop();
    ids.push(...(await appendSome(t.db, 20, 1)));
    expect(await b.drain()).toBe(40);
    expect([a.leads, b.leads]).toEqual([false, true]);
    await requireSound(ids);
  });

  it('a leader that does not go on is reported to whoever waits: log-unavailable', async () => {
    const a = sequencer();
    await a.drain();
    await appendSome(t.db, 1);
    await expect(sequencer().drain(100)).rejects.toThrow(LogUnavailableError);
  });

  it('takes turns when drained from many places at once', async () => {
    const one = sequencer();
    await one.start(1);
    const all = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const ids = await appendSome(t.db, 25, 1);
        await one.drain();
        return ids;
      }),
    );
    await requireSound(all.flat());
  });
});

describe('the line breaks at COMMIT', () => {
  it.each(['before-commit', 'after-commit'] as const)('%s: the next lead loses nothing and doubles nothing', async (cut) => {
    const { proxy, url } = await CutProxy.open(t.url);
    const db = await openDb({ url, poolSize: 2 });
    const faults: unknown[] = [];
    const one = sequencer((error) => faults.push(error), db);
    try {
      const ids = await appendSome(t.db, 10);
      await one.drain();
      ids.push(...(await appendSome(t.db, 10)));
      proxy.cutAt(cut);
      await expect(one.drain()).rejects.toThrow();
      expect(proxy.cuts).toBe(1);
      expect(one.leads).toBe(false);
      expect(head().size).toBe(10);
      // The truth is in the database: the batch is there whole, or not at all.
      const persisted = cut === 'after-commit';
      expect(await t.db.query('SELECT count(*)::int AS n FROM log_entries')).toEqual([{ n: persisted ? 20 : 10 }]);
      expect(await t.db.query('SELECT count(*)::int AS n FROM audit_outbox')).toEqual([{ n: persisted ? 0 : 10 }]);
      expect(await one.drain()).toBe(20);
      await requireSound(ids);
    } finally {
      await one.stop();
      await db.dataSource.destroy();
      proxy.close();
    }
  });

  it('a running sequencer reports the fault and goes on by itself', async () => {
    const { proxy, url } = await CutProxy.open(t.url);
    const db = await openDb({ url, poolSize: 2 });
    const faults: unknown[] = [];
    const one = sequencer((error) => faults.push(error), db);
    try {
      await one.start(5);
      proxy.cutAt('after-commit');
      const ids = await appendSome(t.db, 30, 3);
      while (proxy.cuts === 0 || (await t.db.query('SELECT 1 FROM audit_outbox')).length > 0) await sleep(20);
      await one.drain();
      expect(faults.length).toBeGreaterThan(0);
      await requireSound(ids);
    } finally {
      await one.stop();
      await db.dataSource.destroy();
      proxy.close();
    }
  });
});

describe('the head outside the database', () => {
  it('exists before the first entry does', async () => {
    const one = sequencer();
    await one.start(1000);
    expect(head().size).toBe(0);
  });

  it('refuses a database that was restored to an older, validly signed state', async () => {
    const one = sequencer();
    await appendSome(t.db, 20);
    await one.drain();
    const restore = await backup();
    await appendSome(t.db, 20);
    await one.drain();
    await one.stop();
    await restore();
    const refusal = await sequencer().start().catch((error: unknown) => error); // prettier-ignore
    expect(refusal).toBeInstanceOf(LogRolledBackError);
    expect((refusal as Error).message).toContain('has 20 entries, 40 were published');
    await expect(sequencer().drain()).rejects.toThrow(LogRolledBackError);
    expect(head().size).toBe(40);
  });

  it('refuses a fork: restored, then written on until it is longer than the published log', async () => {
    const one = sequencer();
    await appendSome(t.db, 20);
    await one.drain();
    const restore = await backup();
    await appendSome(t.db, 20);
    await one.drain();
    await one.stop();
    const published = readFileSync(headPath, 'utf8');
    await restore();
    rmSync(headPath); // an insider with the log's key and a head file of their own making
    writeFileSync(headPath, signCheckpoint({ origin: signer.name, size: 0, root: new CompactRange().root() }, signer));
    await appendSome(t.db, 30);
    const forger = sequencer();
    await forger.drain();
    await forger.stop();
    writeFileSync(headPath, published);
    await expect(sequencer().start()).rejects.toThrow(/does not continue its published head/);
  });

  it('refuses a log with entries whose head file is gone', async () => {
    const one = sequencer();
    await appendSome(t.db, 5);
    await one.drain();
    await one.stop();
    rmSync(headPath);
    await expect(sequencer().start()).rejects.toThrow(/head file is gone/);
    await expect(sequencer().drain()).rejects.toThrow(LogRolledBackError);
  });

  it('refuses a head that this log did not sign', async () => {
    const one = sequencer();
    await appendSome(t.db, 5);
    await one.drain();
    await one.stop();
    writeFileSync(headPath, signCheckpoint({ origin: signer.name, size: 3, root: Buffer.alloc(32) }, testSigner(9)));
    await expect(sequencer().start()).rejects.toThrow(/do not belong together/);
  });

  it('moves up after a crash between the commit and the head', async () => {
    const one = sequencer();
    await appendSome(t.db, 5);
    await one.drain();
    const before = readFileSync(headPath, 'utf8');
    await appendSome(t.db, 5);
    await one.drain();
    await one.stop();
    writeFileSync(headPath, before);
    await sequencer().drain();
    expect(head().size).toBe(10);
  });

  it('a head that another process moved is only gone over when it is an ancestor', async () => {
    const one = sequencer();
    const ids = await appendSome(t.db, 5);
    await one.drain();
    const five = readFileSync(headPath, 'utf8');
    ids.push(...(await appendSome(t.db, 5)));
    await one.drain();
    writeFileSync(headPath, five); // a slower process, late
    ids.push(...(await appendSome(t.db, 5)));
    expect(await one.drain()).toBe(15);
    await requireSound(ids);
    writeFileSync(headPath, signCheckpoint({ origin: signer.name, size: 9, root: Buffer.alloc(32) }, signer));
    await appendSome(t.db, 1);
    await expect(one.drain()).rejects.toThrow(LogRolledBackError);
  });

  it('swaps only what it expects', () => {
    const file = new HeadFile(join(place, 'swap/head'));
    expect(file.read()).toBeUndefined();
    expect(file.swap('x', 'a')).toBe(false);
    expect(file.swap(undefined, 'a')).toBe(true);
    expect(file.swap(undefined, 'b')).toBe(false);
    expect(file.swap('a', 'b')).toBe(true);
    expect(file.read()).toBe('b');
  });

  it('tiles that do not give the signed root stop the log before anything is added', async () => {
    const one = sequencer();
    await appendSome(t.db, 5);
    await one.drain();
    await one.stop();
    await t.db.query(`UPDATE log_tiles SET hashes = set_byte(hashes, 40, (get_byte(hashes, 40) + 1) % 256)`);
    await appendSome(t.db, 1);
    await expect(sequencer().drain()).rejects.toThrow(/does not continue|LogDamaged|do not give/);
    rmSync(headPath);
    writeFileSync(headPath, signCheckpoint({ origin: signer.name, size: 0, root: new CompactRange().root() }, signer));
    await expect(sequencer().drain()).rejects.toThrow(LogDamagedError);
    expect(await t.db.query('SELECT count(*)::int AS n FROM log_entries')).toEqual([{ n: 5 }]);
  });
});

describe('kill -9', () => {
  const running = new Set<ChildProcess>();
  async function start(): Promise<ChildProcess> {
    const options = { url: t.url, head: headPath, seed: '07'.repeat(32), everyMs: 2 };
    const child = spawn(process.execPath, [built('libs/platform/audit/test-sequencer.child.js'), JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.add(child);
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('ready')) return child;
      throw new Error(line);
    }
    throw new Error('the sequencer process ended');
  }
  afterEach(() => running.forEach((child) => child.kill('SIGKILL')));

  it('at random moments: no event lost, none moved, none twice, every checkpoint holds', async () => {
    const ids: string[] = [];
    let writing = true;
    const writer = (async () => {
      while (writing) ids.push(...(await appendSome(t.db, 40, 7)));
    })();
    const earlier = new Map<string, number>();
    for (let i = 0; i < 5; i++) {
      const child = await start();
      await sleep(50 + Math.random() * 400);
      child.kill('SIGKILL');
      await once(child, 'exit');
      for (const { event_id, idx } of await t.db.query<{ event_id: string; idx: string }>(
        'SELECT event_id, idx FROM log_entries',
      )) {
        expect(earlier.get(event_id) ?? Number(idx)).toBe(Number(idx));
        earlier.set(event_id, Number(idx));
      }
    }
    writing = false;
    await writer;
    const one = sequencer();
    await one.start(5); // the killed one's session may live on for a moment
    await one.drain();
    const places = await requireSound(ids);
    for (const [id, idx] of earlier) expect(places.get(id)).toBe(idx);
    expect(earlier.size).toBeGreaterThan(0);
  }, 120_000);
});
