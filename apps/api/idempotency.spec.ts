import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const create = (key: string, body: unknown, idempotencyKey?: string) =>
  call(api, 'POST', '/v1/subjects', {
    key,
    body,
    headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
  });
const subjects = async (tenantId: string): Promise<number> =>
  (await api.db.query<{ n: number }>('SELECT count(*)::int AS n FROM subjects WHERE tenant_id = $1', [tenantId]))[0]!.n;

describe('an Idempotency-Key (case OP-03)', () => {
  it('gives a repeated request the first answer again, word for word', async () => {
    const key = randomUUID();
    const first = await create(api.keys.operator, { name: 'Ann' }, key);
    const count = await subjects('acme');
    const again = await create(api.keys.operator, { name: 'Ann' }, key);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(await subjects('acme')).toBe(count);
  });

  it('refuses another body under the same key', async () => {
    const key = randomUUID();
    await create(api.keys.operator, { name: 'Ann' }, key);
    const other = await create(api.keys.operator, { name: 'Bob' }, key);
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
    const spaced = await fetch(`${api.url}/v1/subjects`, {
      method: 'POST',
      headers: { authorization: `Bearer ${api.keys.operator}`, 'content-type': 'application/json', 'idempotency-key': key },
      body: '{ "name": "Ann" }',
    });
    expect(spaced.status).toBe(422); // repeat it unchanged: the bytes count, not what they mean
  });

  it('is another one on another route, for another tenant and another actor', async () => {
    const key = randomUUID();
    const answers = [
      await create(api.keys.operator, { name: 'Ann' }, key),
      await create(api.otherTenant.operator, { name: 'Ann' }, key),
      await create(api.keys.admin, { name: 'Ann' }, key),
      await call(api, 'POST', '/v1/api-keys', {
        key: api.keys.admin,
        body: { role: 'auditor', label: 'x' },
        headers: { 'idempotency-key': key },
      }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(4);
  });

  it('lets one of fifty at once through; the others get its answer or are told to wait', async () => {
    const key = randomUUID();
    const before = await subjects('acme');
    const answers = await Promise.all(Array.from({ length: 50 }, () => create(api.keys.operator, { name: 'Fifty' }, key)));
    const made = answers.filter(({ status }) => status === 201);
    const waiting = answers.filter(({ status }) => status === 409);
    expect(made.length).toBeGreaterThanOrEqual(1);
    expect(made.length + waiting.length).toBe(50);
    expect(new Set(made.map(({ body }) => body['id'])).size).toBe(1);
    for (const { body, headers } of waiting) {
      expect(body).toMatchObject({ code: 'idempotency-in-progress' });
      expect(headers.get('retry-after')).toBe('1');
    }
    expect(await subjects('acme')).toBe(before + 1);
    expect((await create(api.keys.operator, { name: 'Fifty' }, key)).body).toEqual(made[0]!.body);
  });

  it('does not repeat a refusal: a retry after a 503 may succeed', async () => {
    const key = randomUUID();
    await api.db.query('ALTER TABLE audit_outbox RENAME TO audit_outbox_away');
    try {
      const refused = await create(api.keys.operator, { name: 'Later' }, key);
      expect(refused).toMatchObject({ status: 503, body: { code: 'log-unavailable' } });
      expect(refused.headers.get('retry-after')).toBe('60');
    } finally {
      await api.db.query('ALTER TABLE audit_outbox_away RENAME TO audit_outbox');
    }
    const again = await create(api.keys.operator, { name: 'Later' }, key);
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBeNull();
  });

  it('is free again after an input that was refused', async () => {
    const key = randomUUID();
    expect((await create(api.keys.operator, { name: '' }, key)).status).toBe(422);
    expect((await create(api.keys.operator, { name: 'now right' }, key)).status).toBe(201);
  });

  it('keeps answers that a copy of the database does not open', async () => {
    const key = randomUUID();
    const made = await call(api, 'POST', '/v1/api-keys', {
      key: api.keys.admin,
      body: { role: 'operator', label: 'secret' },
      headers: { 'idempotency-key': key },
    });
    const [row] = await api.db.query<{ sealed: Buffer }>('SELECT sealed FROM idempotency_keys WHERE key = $1', [key]);
    expect(row!.sealed.includes(Buffer.from(String(made.body['key'])))).toBe(false);
    expect(row!.sealed.includes(Buffer.from('ask_'))).toBe(false);
  });

  it('ends after 24 hours, and is taken over when its process died', async () => {
    const key = randomUUID();
    const first = await create(api.keys.operator, { name: 'Old' }, key);
    await api.db.query(`UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second' WHERE key = $1`, [key]);
    const later = await create(api.keys.operator, { name: 'Old' }, key);
    expect(later.status).toBe(201);
    expect(later.body['id']).not.toBe(first.body['id']);

    await api.db.query('UPDATE idempotency_keys SET status = NULL, sealed = NULL WHERE key = $1', [key]);
    expect((await create(api.keys.operator, { name: 'Old' }, key)).status).toBe(409);
    await api.db.query(`UPDATE idempotency_keys SET locked_until = now() - interval '1 second' WHERE key = $1`, [key]);
    expect((await create(api.keys.operator, { name: 'Old' }, key)).status).toBe(201);
  });

  it.each(['', 'a b', 'x'.repeat(256), 'ä'])('refuses a key that is none: %j', async (key) => {
    const response = await create(api.keys.operator, { name: 'x' }, key).catch((error: Error) => error);
    // fetch itself refuses some; what it sends is answered
    if (!(response instanceof Error)) expect(response).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
  });

  it('asks for a caller first: nobody learns which keys were used', async () => {
    const key = randomUUID();
    await create(api.keys.operator, { name: 'Ann' }, key);
    expect((await create('ask_abcdefgh_x', { name: 'Ann' }, key)).status).toBe(401);
    expect((await create(api.keys.auditor, { name: 'Ann' }, key)).status).toBe(403);
  });
});
