import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { migrate, openDb } from '#db';
import { migrations } from './index.ts';

/**
 * One of several processes that start on the same database: the migrator of the tests of this folder. What it does is told line by
 * line on stdout.
 *
 *     node test-migrator.child.js '{"urls": [...], "pauseMs": 0}'     migrate each database, plus one migration that pauses half-way
 *     node test-migrator.child.js '{"instants": "postgres://…"}'     write and read instants as this process's time zone sees them
 */
interface Options {
  readonly urls?: string[];
  /** Given: one more migration, which waits between its two tables. */
  readonly pauseMs?: number;
  readonly instants?: string;
}
const options = JSON.parse(process.argv[2]!) as Options;
const say = (event: string, more: object = {}): void => console.log(JSON.stringify({ event, ...more }));

class Halves1999999999999 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query('CREATE TABLE first_half (n int)');
    say('half-way');
    await sleep(options.pauseMs);
    await q.query('CREATE TABLE second_half (n int)');
  }
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}

for (const url of options.urls ?? []) {
  const db = await openDb({
    url,
    poolSize: 2,
    migrations: options.pauseMs === undefined ? migrations : [...migrations, Halves1999999999999],
  });
  say('migrated', { names: await migrate(db) });
  await db.dataSource.destroy();
}

if (options.instants !== undefined) {
  const db = await openDb({ url: options.instants, poolSize: 1 });
  const at = new Date('2027-03-14T07:30:00.123Z'); // an hour that does not exist in St. John's, and a half-hour zone
  const [row] = await db.query<{ at: Date; text: string; zone: string }>(
    `INSERT INTO subjects (id, tenant_id, state, erased_at) VALUES (gen_random_uuid(), 'acme', 'erased', $1)
     RETURNING erased_at AS at, jsonb_build_object('t', erased_at) ->> 't' AS text, current_setting('timezone') AS zone`,
    [at],
  );
  const seen = await db.query<{ at: Date }>('SELECT erased_at AS at FROM subjects');
  say('instants', {
    local: at.getTimezoneOffset(),
    zone: row!.zone,
    written: row!.at.toISOString(),
    text: row!.text,
    seen: seen.map((other) => other.at.toISOString()),
  });
  await db.dataSource.destroy();
}
