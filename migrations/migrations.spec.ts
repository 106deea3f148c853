import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accessEntities } from '#access';
import { auditEntities } from '#audit';
import { consentEntities } from '#consent';
import { schemaDrift } from '#db';
import { identityEntities } from '#identity';
import { bareEnvironment, built, shipped } from '#kernel';
import { queueEntities } from '#queue';
import { renderingEntities } from '#rendering';
import { replicaEntities } from '#replicas';
import { storageEntities } from '#storage';
import { type TestDatabase, testDatabase } from '#testing';
import { trainingEntities } from '#training';
import { uploadEntities } from '#uploads';
import { migrations } from './index.ts';

const entities = [
  ...accessEntities,
  ...auditEntities,
  ...queueEntities,
  ...storageEntities,
  ...identityEntities,
  ...uploadEntities,
  ...consentEntities,
  ...trainingEntities,
  ...replicaEntities,
  ...renderingEntities,
];

let t: TestDatabase;
beforeAll(async () => void (t = await testDatabase(entities)));
afterAll(() => t.close());

describe('the schema', () => {
  const columns = (): Promise<{ table_name: string; column_name: string; data_type: string; is_nullable: string }[]> =>
    t.db.query(
      `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name <> 'schema_migrations'`,
    );

  it('is what the entities of all rooms say: the schema builder would change nothing', async () => {
    expect(await schemaDrift(t.db)).toEqual([]);
  });

  it('has no table without an entity, where a drift would go unseen', async () => {
    const tables = new Set((await columns()).map((column) => column.table_name));
    expect([...tables].toSorted()).toEqual(entities.map((entity) => entity.options.name).toSorted());
  });

  it('drift is seen, each kind of it', async () => {
    const probe = await testDatabase(entities);
    try {
      let seen = 0;
      for (const sql of [
        'ALTER TABLE jobs ALTER COLUMN payload DROP NOT NULL',
        'ALTER TABLE trainings ADD COLUMN forgotten text',
        'DROP INDEX log_entries_event',
        'ALTER TABLE consents ALTER COLUMN valid_until TYPE timestamp',
      ]) {
        await probe.db.query(sql);
        const drift = await schemaDrift(probe.db);
        expect(drift.length, sql).toBeGreaterThan(seen);
        seen = drift.length;
      }
    } finally {
      await probe.close();
    }
  });

  it('keeps instants, never local times (case OP-02)', async () => {
    const times = (await columns()).filter((column) => /^(timestamp|time|date)/.test(column.data_type));
    expect(times.length).toBeGreaterThan(10);
    expect(times.filter((column) => column.data_type !== 'timestamp with time zone')).toEqual([]);
  });

  it('says of every row whose it is', async () => {
    const all = await columns();
    const owned = all.filter(
      (column) => column.column_name === 'tenant_id' && column.data_type === 'text' && column.is_nullable === 'NO',
    );
    expect(owned.map((column) => column.table_name).toSorted()).toEqual([...new Set(all.map((c) => c.table_name))].toSorted());
  });

  it('is explained column by column in docs/storage-schema.md', async () => {
    const text = readFileSync(shipped('docs/storage-schema.md'), 'utf8');
    // A section runs to the next heading; its heading names its tables.
    const sections = text.split(/^## /m).slice(1);
    const missing = (await columns()).filter(({ table_name, column_name }) => {
      const section = sections.find((part) => part.split('\n')[0]!.includes(`\`${table_name}\``));
      return !section?.includes(`\`${column_name}\``);
    });
    expect(missing.map((column) => `${column.table_name}.${column.column_name}`)).toEqual([]);
  });

  it('is made by numbered migrations that cannot be undone', async () => {
    const names = migrations.map((Migration) => Migration.name);
    const numbers = names.map((name) => Number(/\d{13}$/.exec(name)?.[0]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const Migration of migrations)
      await expect((new Migration() as { down(): Promise<void> }).down()).rejects.toThrow(/forward-only/);
  });
});

interface Said {
  readonly event: string;
  readonly [more: string]: unknown;
}
const running = new Set<ChildProcess>();
afterEach(() => running.forEach((child) => child.kill('SIGKILL')));

/** A real process; what it says comes line by line. */
function migrator(options: object, env: Record<string, string> = {}): { child: ChildProcess; said: AsyncIterator<Said> } {
  const entry = built('migrations/test-migrator.child.js');
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...bareEnvironment(), ...env },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    said: {
      async next() {
        const { done, value } = await lines.next();
        return done ? { done, value } : { value: JSON.parse(value) as Said };
      },
    },
  };
}
async function hear(said: AsyncIterator<Said>, event: string): Promise<Said> {
  for (;;) {
    const { done, value } = await said.next();
    if (done) throw new Error(`the process ended before it said ${event}`);
    if (value.event === event) return value;
  }
}

/** Empty databases beside ours, dropped afterwards. */
const made: string[] = [];
async function emptyDatabase(): Promise<string> {
  const name = `m_${process.pid}_${Date.now().toString(36)}_${made.length}`;
  await t.db.query(`CREATE DATABASE ${name}`);
  made.push(name);
  return Object.assign(new URL(t.url), { pathname: `/${name}` }).href;
}
afterEach(async () => {
  for (const name of made.splice(0)) await t.db.query(`DROP DATABASE ${name} WITH (FORCE)`);
});
async function ask<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
const recorded = async (url: string): Promise<string[]> =>
  (await ask<{ name: string }>(url, 'SELECT name FROM schema_migrations ORDER BY id')).map((row) => row.name);

describe('several processes at once (case OP-01)', () => {
  it('three start together on an empty database, five times: one migrates, each migration is recorded once, all go on', async () => {
    const urls: string[] = [];
    for (let i = 0; i < 5; i++) urls.push(await emptyDatabase());
    const three = Array.from({ length: 3 }, () => migrator({ urls }));
    const did: string[][][] = await Promise.all(
      three.map(async ({ said }) => {
        const names: string[][] = [];
        for (const _ of urls) names.push((await hear(said, 'migrated'))['names'] as string[]);
        return names;
      }),
    );
    const all = migrations.map((Migration) => Migration.name);
    for (const [i, url] of urls.entries()) {
      expect(did.flatMap((names) => names[i]!)).toEqual(all);
      expect(did.filter((names) => names[i]!.length > 0)).toHaveLength(1);
      expect(await recorded(url)).toEqual(all);
    }
  });

  it('a migrator killed half-way leaves no half, and the one that waits goes on', async () => {
    const url = await emptyDatabase();
    const victim = migrator({ urls: [url], pauseMs: 600_000 });
    await hear(victim.said, 'half-way');
    const next = migrator({ urls: [url], pauseMs: 0 });
    // Until it really waits for the lock that the victim holds. Other tests share the server, and their locks are in the same view.
    const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    while ((await ask(url, waiting)).length === 0) await sleep(50);
    victim.child.kill('SIGKILL');
    await once(victim.child, 'exit');
    expect((await hear(next.said, 'migrated'))['names']).toEqual(['Halves1999999999999']);
    expect((await recorded(url)).filter((name) => name === 'Halves1999999999999')).toHaveLength(1);
    expect(await ask(url, 'SELECT * FROM first_half, second_half')).toEqual([]);
  });
});

it('processes in other time zones, on a database in a third one, see the same instants (case OP-02)', async () => {
  const url = await emptyDatabase();
  const first = migrator({ urls: [url] });
  await hear(first.said, 'migrated');
  await ask(url, `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET timezone = 'Pacific/Auckland'`);
  const zones = ['America/St_Johns', 'Asia/Kolkata', 'UTC'];
  const said: Said[] = [];
  for (const TZ of zones) said.push(await hear(migrator({ instants: url }, { TZ }).said, 'instants'));
  expect(new Set(said.map((one) => one['local'])).size).toBe(3); // the processes do live in different zones
  const instant = '2027-03-14T07:30:00.123Z';
  for (const one of said) {
    expect(one).toMatchObject({ zone: 'UTC', written: instant, text: '2027-03-14T07:30:00.123+00:00' });
    expect(new Set(one['seen'] as string[])).toEqual(new Set([instant]));
  }
  expect(said.at(-1)!['seen']).toHaveLength(3);
});
