import { afterAll, beforeAll, expect, it } from 'vitest';
import { Audit } from '#audit';
import { type Principal, newId } from '#kernel';
import { KeyStore } from '#keys';
import { MarkRegistry } from '#replicas';
import { type TestDatabase, temporaryHome, testDatabase } from '#testing';
import { RenderingService, type RenderingDeps } from './rendering.service.ts';

const PRINCIPAL: Principal = { tenantId: 'acme', actorId: 'test', roles: ['system'] };
let t: TestDatabase;
let place: Awaited<ReturnType<typeof temporaryHome>>;
let keys: KeyStore;
let marks: MarkRegistry;
let service: RenderingService;
beforeAll(async () => {
  t = await testDatabase();
  place = await temporaryHome();
  keys = await KeyStore.open(`${place.home}/keys`);
  marks = new MarkRegistry(t.db, keys);
  service = new RenderingService({ db: t.db, audit: new Audit(), marks } as RenderingDeps);
});
afterAll(async () => {
  await t.close();
  await place.remove();
});

/** A published render with its registry row, whose thumbnails show the person. */
async function publishedRender(consentId = newId()): Promise<{ id: string; subjectId: string; markId: string }> {
  const [id, subjectId] = [newId(), newId()];
  await keys.createSubjectKey('acme', subjectId);
  await t.db.query(
    `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, state, request) VALUES ($1, 'acme', $2, $3, $4, 'published', '{}')`,
    [id, subjectId, consentId, newId()],
  );
  const markId = id.replaceAll('-', '').slice(-16);
  await t.db.tx((tx) =>
    marks.put(tx, { id: markId, tenantId: 'acme', subjectId, kid: 'k', renderId: id, row: `thumbnails of ${id}` }),
  );
  return { id, subjectId, markId };
}

it('drops the registry rows of an erased person, and nobody else’s: they hold thumbnails', async () => {
  const gone = newId();
  const erased = await publishedRender(gone);
  const other = await publishedRender();
  await t.db.tx((tx) => service.followConsent(tx, PRINCIPAL, gone, 'withdrawn'));
  expect(await service.marks('acme', erased.id)).toHaveLength(1); // withdrawn: the registry must still know its own render
  await t.db.tx((tx) => service.followConsent(tx, PRINCIPAL, gone, 'erased'));
  expect(await service.marks('acme', erased.id)).toEqual([]);
  expect(await service.marks('acme', other.id)).toHaveLength(1);
});

it('gives the rows of one render without those of others', async () => {
  const one = await publishedRender();
  await publishedRender();
  expect(await service.marks('acme', one.id)).toEqual([`thumbnails of ${one.id}`]);
  expect((await service.marks('acme')).length).toBeGreaterThan(1);
  expect(await service.marks('other-tenant', one.id)).toEqual([]);
});

it('keeps the pictures of a registry row under the person’s key: not in the table, and unreadable with the key, in a backup too', async () => {
  const { id, subjectId, markId } = await publishedRender();
  expect(await marks.find([markId, 'ffffffffffffffff', "'; DROP TABLE marks"])).toEqual([`thumbnails of ${id}`]);
  const [stored] = await t.db.query<{ text: string }>(`SELECT encode(sealed, 'escape') || encode(wrapped_key, 'escape') AS text FROM marks WHERE id = $1`, [markId]); // prettier-ignore
  expect(stored!.text).not.toContain('thumbnails');
  await keys.destroySubjectKey('acme', subjectId);
  // The row is still there, as in a restored copy of the database.
  expect(await t.db.query('SELECT 1 FROM marks WHERE id = $1', [markId])).toHaveLength(1);
  expect(await marks.find([markId])).toEqual([]);
  expect(await service.marks('acme', id)).toEqual([]);
});

it('a registry row that was moved to another person or another mark does not open', async () => {
  const [one, other] = [await publishedRender(), await publishedRender()];
  await t.db.query('UPDATE marks SET sealed = (SELECT sealed FROM marks WHERE id = $2) WHERE id = $1', [
    one.markId,
    other.markId,
  ]);
  await expect(marks.find([one.markId])).rejects.toMatchObject({ problem: { slug: 'seal-broken' } });
});
