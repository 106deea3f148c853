import { afterAll, beforeAll, expect, it } from 'vitest';
import { Audit } from '#audit';
import { type Principal, newId } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { RenderingService, type RenderingDeps } from './rendering.service.ts';

const PRINCIPAL: Principal = { tenantId: 'acme', actorId: 'test', roles: ['system'] };
let t: TestDatabase;
beforeAll(async () => void (t = await testDatabase()));
afterAll(() => t.close());

/** A published render with its registry row, whose thumbnails show the person. */
async function publishedRender(consentId: string): Promise<string> {
  const id = newId();
  await t.db.query(
    `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, state, request) VALUES ($1, 'acme', $2, $3, $4, 'published', '{}')`,
    [id, newId(), consentId, newId()],
  );
  await t.db.query(`INSERT INTO marks (id, tenant_id, kid, render_id, row) VALUES ($1, 'acme', 'k', $2, 'thumbnails')`, [
    id.slice(-12),
    id,
  ]);
  return id;
}

it('drops the registry rows of an erased person, and nobody else’s: they hold thumbnails', async () => {
  const service = new RenderingService({ db: t.db, audit: new Audit() } as RenderingDeps);
  const [gone, stays] = [newId(), newId()];
  const erased = await publishedRender(gone);
  const other = await publishedRender(stays);
  await t.db.tx((tx) => service.followConsent(tx, PRINCIPAL, gone, 'withdrawn'));
  expect(await service.marks('acme', erased)).toHaveLength(1); // withdrawn: the registry must still know its own render
  await t.db.tx((tx) => service.followConsent(tx, PRINCIPAL, gone, 'erased'));
  expect(await service.marks('acme', erased)).toEqual([]);
  expect(await service.marks('acme', other)).toHaveLength(1);
});

it('gives the rows of one render without those of others', async () => {
  const service = new RenderingService({ db: t.db, audit: new Audit() } as RenderingDeps);
  const one = await publishedRender(newId());
  await publishedRender(newId());
  expect(await service.marks('acme', one)).toHaveLength(1);
  expect((await service.marks('acme')).length).toBeGreaterThan(1);
  expect(await service.marks('other-tenant', one)).toEqual([]);
});
