import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { OPERATOR, appendSome, identityOf, testSigner } from './audit.fixture.ts';
import { Audit } from './audit.ts';
import { benchLog } from './bench-log.ts';
import { HeadFile } from './head-file.ts';
import { reconcile } from './reconcile.ts';
import { Sequencer } from './sequencer.ts';

const signer = testSigner();
const log = identityOf(signer);
let t: TestDatabase;
let place: string;
let sequencer: Sequencer;
const erased = newId();
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'assent-reconcile-'));
  t = await testDatabase();
  const figures = await benchLog(t.db, 1200); // on the empty database; what it measures on a busy machine is not judged
  expect(figures.map((figure) => figure.unit)).toEqual(['events/s', 'entries/s', 'ms', 'ms', 'entries/s', 'entries/s']);
  for (const figure of figures) expect(figure.value, figure.name).toBeGreaterThan(0);
  await expect(benchLog(t.db, 10)).rejects.toThrow(/without a log/);
  await t.db.query('TRUNCATE log_entries, log_tiles, log_checkpoints, audit_outbox');
  sequencer = new Sequencer(t.db, signer, new HeadFile(join(place, 'head')));
  await appendSome(t.db, 300);
  await t.db.tx((tx) => new Audit().append(tx, OPERATOR, { kind: 'replica.erased', data: { replicaId: erased } }));
  await sequencer.drain();
});
afterAll(async () => {
  await sequencer.stop();
  await t.close();
  rmSync(place, { recursive: true, force: true });
});

/** Runs `sql` on the log, reconciles, and puts the log back. */
async function after(sql: string): Promise<Awaited<ReturnType<typeof reconcile>>> {
  await t.db.query('CREATE TABLE kept AS TABLE log_entries');
  await t.db.query(sql);
  const report = await reconcile(t.db, log);
  await t.db.query('TRUNCATE log_entries');
  await t.db.query('INSERT INTO log_entries SELECT * FROM kept');
  await t.db.query('DROP TABLE kept');
  return report;
}

it('finds a sound log sound', async () => {
  expect(await reconcile(t.db, log)).toEqual({ ok: true, size: 301, unrecorded: [], findings: [] });
});

it('names a changed body, a missing row, a moved row and a truncated tail', async () => {
  expect(await after(`UPDATE log_entries SET line = replace(line, '1.0', '1.1') WHERE idx = 7`)).toMatchObject({
    ok: false,
    firstBad: 7,
  });
  expect(await after(`DELETE FROM log_entries WHERE idx = 9`)).toMatchObject({ ok: false, firstBad: 9 });
  expect(await after(`DELETE FROM log_entries WHERE idx >= 290`)).toMatchObject({ ok: false, firstBad: 290 });
  expect(await after(`UPDATE log_entries SET line = 'no json', leaf = sha256('\\x00'::bytea || 'no json'::bytea) WHERE idx = 4`)).toMatchObject({ ok: false, firstBad: 4 }); // prettier-ignore
});

it('finds body and leaf changed together by the signed root', async () => {
  const sql = `UPDATE log_entries SET line = replace(line, 'key_7f3a', 'key_7f3b'), leaf = sha256('\\x00'::bytea || convert_to(replace(line, 'key_7f3a', 'key_7f3b'), 'UTF8')) WHERE idx = 7`;
  expect(await after(sql)).toMatchObject({ ok: false, findings: ['the entries do not give the signed root'] });
});

it('finds the effect that was never recorded', async () => {
  const silent = newId();
  const report = await reconcile(t.db, log, [
    { what: 'erased replica', kind: 'replica.erased', member: 'replicaId', ids: async () => [erased, silent] },
  ]);
  expect(report).toMatchObject({ ok: false, findings: [], unrecorded: [{ what: 'erased replica', id: silent }] });
});
