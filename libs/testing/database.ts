import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { type Db, migrate, openDb, startEmbeddedPostgres } from '#db';
import { migrations } from '#migrations';

export interface TestDatabase {
  readonly url: string;
  readonly db: Db;
  close(): Promise<void>;
}

/**
 * A real, migrated PostgreSQL database of its own, for one test file. The test run starts one server (vitest.global.ts) and
 * passes its address; a file that runs alone starts its own.
 */
export async function testDatabase(entities: EntityTarget<ObjectLiteral>[] = []): Promise<TestDatabase> {
  const shared = process.env['ASSENT_TEST_DATABASE_URL'];
  if (shared) {
    const name = `t_${process.pid}_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8)}`;
    await onServer(shared, `CREATE DATABASE ${name}`);
    const url = new URL(shared);
    url.pathname = `/${name}`;
    const db = await openDb({ url: url.href, entities, migrations });
    await migrate(db);
    return {
      url: url.href,
      db,
      async close() {
        await db.dataSource.destroy();
        await onServer(shared, `DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  }
  const folder = await mkdtemp(join(tmpdir(), 'assent-pg-'));
  const server = await startEmbeddedPostgres(folder, { durable: false });
  const db = await openDb({ url: server.url, entities, migrations });
  await migrate(db);
  return {
    url: server.url,
    db,
    async close() {
      await db.dataSource.destroy();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
