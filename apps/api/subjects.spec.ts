import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SubjectsService } from '#identity';
import { newId } from '#kernel';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const create = (body: unknown) => call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body });
const read = (id: unknown) => call(api, 'GET', `/v1/subjects/${String(id)}`, { key: api.keys.operator });

describe('subjects over HTTP', () => {
  it('are made, read and listed', async () => {
    const made = await create({ name: 'Ann' });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/v1/subjects/${String(made.body['id'])}`);
    expect(made.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/), state: 'active', name: 'Ann', erased_at: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    }); // prettier-ignore
    expect(await read(made.body['id'])).toMatchObject({ status: 200, body: made.body });
    const { body } = await call(api, 'GET', '/v1/subjects?limit=1', { key: api.keys.operator });
    expect(body['data']).toEqual([made.body]);
  });

  it('need no name', async () => {
    for (const body of [{}, { name: undefined }]) expect((await create(body)).body['name']).toBeNull();
  });
});

/** 25 bytes that are one character to whoever reads it. */
const FAMILY = '👩‍👩‍👧‍👦';

describe('names (case LN-01)', () => {
  it.each([
    'X', '王', 'ಆ', 'Suharto', "O'Brien-ß", 'null', 'undefined', '<b>', '0', '‮evil‬ ⁦x', 'नीलम', 'میر‌حسین', 'മലയാള‍', FAMILY,
    'நி'.repeat(200), FAMILY.repeat(200), 'a'.repeat(200), '1\u2028line', 'two\nlines', '\u0085',
  ])('%j is taken and shown whole', async (name) => {
    const { status, body } = await create({ name });
    expect([status, body['name']]).toEqual([201, name.trim().normalize('NFC')]);
    expect((await read(body['id'])).body['name']).toBe(name.trim().normalize('NFC'));
  }); // prettier-ignore

  it('are trimmed and composed, and otherwise exact: joiners stay', async () => {
    expect((await create({ name: '\u00a0  Zoe\u0308 \t' })).body['name']).toBe('Zo\u00eb');
    expect((await create({ name: 'میر\u200cحسین' })).body['name']).toContain('\u200c');
    expect((await create({ name: 'ക്\u200d' })).body['name']).toBe('ക്\u200d');
  });

  it.each([
    ['of 201 characters', 'நி'.repeat(201)],
    ['of 201 families', FAMILY.repeat(201)],
    ['of one character with 20,000 accents', 'a' + '\u0301'.repeat(20_000)],
    ['that is empty', ''],
    ['of spaces only', ' \u3000\t '],
    ['with NUL', 'a\0b'],
    ['with half a character', 'a\ud800'],
    ['that is a number', 7],
    ['that is null', null],
    ['that is a list', ['Ann']],
  ])('one %s is refused, and its place is named', async (_, name) => {
    const { status, body } = await create({ name });
    expect([status, body['code']]).toEqual([422, 'invalid-input']);
    expect((body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)).toContain('/name');
  });

  it('lie sealed in their row, open nothing in another one, and go with the key', async () => {
    const made = await create({ name: 'Very Particular Name' });
    const other = await create({ name: 'Other' });
    const [row] = await api.db.query<{ sealed_name: Buffer; name_key: Buffer }>(
      'SELECT sealed_name, name_key FROM subjects WHERE id = $1',
      [made.body['id']],
    );
    expect(row!.sealed_name.includes('Particular')).toBe(false);
    const dump = JSON.stringify([
      await api.db.query('SELECT * FROM audit_outbox'),
      await api.db.query('SELECT line FROM log_entries'),
    ]);
    expect(dump).not.toContain('Particular');

    await api.db.query('UPDATE subjects SET sealed_name = $2, name_key = $3 WHERE id = $1', [
      other.body['id'],
      row!.sealed_name,
      row!.name_key,
    ]);
    expect((await read(other.body['id'])).status).toBe(500); // moved by hand: a finding, not somebody else's name

    expect((await call(api, 'DELETE', `/v1/subjects/${String(made.body['id'])}`, { key: api.keys.admin })).status).toBe(204);
    expect((await read(made.body['id'])).body).toMatchObject({ state: 'erased', name: null });
    await api.db.query('UPDATE subjects SET sealed_name = $2, name_key = $3 WHERE id = $1', [
      made.body['id'],
      row!.sealed_name,
      row!.name_key,
    ]);
    expect((await read(made.body['id'])).body['name']).toBeNull(); // a restored backup: the key is gone
  });
});

describe('erasing a person', () => {
  const erase = (id: unknown, key = api.keys.admin) => call(api, 'DELETE', `/v1/subjects/${String(id)}`, { key });

  it('is repeatable, and recorded once', async () => {
    const { body } = await create({ name: 'Gone' });
    expect((await erase(body['id'])).status).toBe(204);
    expect((await erase(body['id'])).status).toBe(204);
    await api.platform.sequencer.drain();
    const lines = await api.db.query<{ line: string }>('SELECT line FROM log_entries WHERE line LIKE $1 ORDER BY idx', [
      `%${String(body['id'])}%`,
    ]);
    expect(lines.map(({ line }) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'subject.created', 'key.created', 'key.destroyed', 'subject.erased',
    ]); // prettier-ignore
  });

  it('waits until every consent has ended: 409, and nothing happens', async () => {
    const { body } = await create({});
    const insert = `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
      VALUES ($1, 'acme', $2, 'given', '{training}', '{}', '{}', $3, now() + interval '1 day', 'UTC', 'none')`;
    const consent = newId();
    await api.db.query(insert, [consent, body['id'], consent]);
    expect(await erase(body['id'])).toMatchObject({ status: 409, body: { code: 'state-conflict', consents: [consent] } });
    expect((await read(body['id'])).body['state']).toBe('active');
  });

  it('is not an operator’s business', async () => {
    const { body } = await create({});
    expect((await erase(body['id'], api.keys.operator)).status).toBe(403);
  });
});

describe('the list (case LG-02)', () => {
  it.each([1, 7, 100, 200])('shows each subject once with pages of %d, while others come', async (limit) => {
    const before = await api.db.query<{ id: string }>(`SELECT id FROM subjects WHERE tenant_id = 'acme'`);
    if (before.length < 250) {
      // One statement, so equal times: only the id tells them apart.
      await api.db.query(`INSERT INTO subjects (id, tenant_id, state) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])`, [
        Array.from({ length: 250 }, () => newId()), Array(250).fill('acme'), Array(250).fill('active'),
      ]); // prettier-ignore
    }
    const expected = (
      await api.db.query<{ id: string }>(`SELECT id FROM subjects WHERE tenant_id = 'acme' AND sealed_name IS NULL`)
    ).map(({ id }) => id);
    await api.db.query(`UPDATE subjects SET sealed_name = NULL, name_key = NULL WHERE tenant_id = 'acme'`);
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; ; pages++) {
      const { body } = await call(api, 'GET', `/v1/subjects?limit=${limit}${cursor}`, { key: api.keys.operator });
      seen.push(...(body['data'] as { id: string }[]).map(({ id }) => id));
      if (pages % 25 === 0)
        await api.app.get(SubjectsService, { strict: false }).create({ tenantId: 'acme', actorId: 'x', roles: [] });
      if (body['next_cursor'] === null) break;
      cursor = `&cursor=${body['next_cursor'] as string}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(expected.filter((id) => !seen.includes(id))).toEqual([]);
    expect(seen).toEqual(seen.toSorted().toReversed());
  });

  it('of exactly one page says that nothing follows', async () => {
    const made = await Promise.all(
      Array.from({ length: 3 }, () => call(api, 'POST', '/v1/subjects', { key: api.otherTenant.operator })),
    );
    const { body } = await call(api, 'GET', `/v1/subjects?limit=${made.length}`, { key: api.otherTenant.operator });
    expect([(body['data'] as unknown[]).length, body['next_cursor']]).toEqual([3, null]);
  });
});
