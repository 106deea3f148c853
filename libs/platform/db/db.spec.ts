import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '#testing';
import { rows } from './db.ts';
import { migrate } from './migrate.ts';

let t: TestDatabase;
beforeAll(async () => void (t = await testDatabase()));
afterAll(() => t.close());

it('rolls back the whole transaction when the work throws', async () => {
  await t.db.query('CREATE TABLE probe (n int)');
  await expect(
    t.db.tx(async (tx) => {
      await tx.query('INSERT INTO probe VALUES (1)');
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await t.db.query('SELECT * FROM probe')).toEqual([]);
});

it('gives the rows of UPDATE … RETURNING like those of SELECT', async () => {
  await t.db.query('CREATE TABLE probe2 (n int)');
  await t.db.tx(async (tx) => {
    await tx.query('INSERT INTO probe2 VALUES (1), (2)');
    expect(await rows(tx, 'UPDATE probe2 SET n = n + 10 WHERE n = 1 RETURNING n')).toEqual([{ n: 11 }]);
    expect(await rows(tx, 'SELECT n FROM probe2 ORDER BY n')).toEqual([{ n: 2 }, { n: 11 }]);
  });
});

it('lets several migrators start at once; each migration is recorded once', async () => {
  await Promise.all([migrate(t.db), migrate(t.db), migrate(t.db)]);
  const names = await t.db.query<{ name: string }>('SELECT name FROM schema_migrations').catch(() => []);
  expect(new Set(names.map((row) => row.name)).size).toBe(names.length);
});
