import { request as rawRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RequestRecord } from '#http';
import { newId } from '#kernel';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
let proxied: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  proxied = await openTestApi({ config: { TRUSTED_PROXIES: '127.0.0.0/8', PUBLIC_URL: 'https://assent.example/base' } });
});
afterAll(async () => {
  await api.close();
  await proxied.close();
});

const records = (of: TestApi): RequestRecord[] =>
  of.log.map((line) => JSON.parse(line) as RequestRecord).filter((record) => record.method !== undefined);
const recordOf = async (of: TestApi, requestId: string): Promise<RequestRecord> => {
  for (let i = 0; i < 100; i++) {
    const found = records(of).find((record) => record.request_id === requestId);
    if (found) return found;
    await new Promise((next) => setTimeout(next, 10));
  }
  throw new Error('the request was not logged');
};

describe('a request id', () => {
  it('is taken from the caller, and goes from the edge into the log line and the leaf', async () => {
    const headers = { 'x-request-id': 'client-chosen-0001' };
    const made = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: {}, headers });
    expect(made.headers.get('x-request-id')).toBe('client-chosen-0001');
    expect(await recordOf(api, 'client-chosen-0001')).toMatchObject({ route: '/v1/subjects', status: 201 });
    await api.platform.sequencer.drain();
    const lines = await api.db.query<{ line: string }>(`SELECT line FROM log_entries WHERE line LIKE '%client-chosen-0001%'`);
    const events = lines.map(({ line }) => JSON.parse(line) as { type: string; requestid: string });
    expect(events.map(({ type, requestid }) => [type, requestid])).toEqual([
      ['subject.created', 'client-chosen-0001'],
      ['key.created', 'client-chosen-0001'],
    ]);
  });

  it.each(['short', 'x'.repeat(65), 'has space', 'semi;colon', '<script>alert(1)</script>', "12345678'--"])(
    'of another form is replaced, never repeated: %j',
    async (given) => {
      const { headers } = await call(api, 'GET', '/healthz', { headers: { 'x-request-id': given } });
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('is in every refusal, as its instance', async () => {
    const { body, headers } = await call(api, 'GET', '/v1/subjects');
    expect(body['instance']).toBe(headers.get('x-request-id'));
  });

  it('follows a job from the door to its row', async () => {
    const { body } = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator });
    const consent = newId();
    // An ended consent: its followers hear of the erasure through a job.
    await api.db.query(
      `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
       VALUES ($1, 'acme', $2, 'withdrawn', '{training}', '{}', '{}', $3, now() + interval '1 day', 'UTC', 'none')`,
      [consent, body['id'], consent],
    );
    const headers = { 'x-request-id': 'client-chosen-0002' };
    const erased = await call(api, 'DELETE', `/v1/subjects/${String(body['id'])}`, { key: api.keys.admin, headers });
    expect(erased.status).toBe(204);
    const jobs = await api.db.query('SELECT kind, request_id FROM jobs WHERE subject_id = $1', [body['id']]);
    expect(jobs).toEqual([{ kind: 'consent.propagate', request_id: 'client-chosen-0002' }]);
  });
});

describe('what is logged of a request', () => {
  it('is one line with the pattern: no address, token, name, body or query', async () => {
    const name = 'Zoë Þórsdóttir';
    const made = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: { name } });
    const id = String(made.body['id']);
    const read = await call(api, 'GET', `/v1/subjects/${id}`, { key: api.keys.operator });
    await call(api, 'GET', `/v1/subjects?cursor=${encodeURIComponent(name)}`, { key: api.keys.operator });
    await call(api, 'GET', `/nothing/${encodeURIComponent(name)}`);
    const record = await recordOf(api, read.headers.get('x-request-id')!);
    expect(record).toEqual({
      level: 'info', at: expect.stringMatching(/Z$/), request_id: expect.any(String), method: 'GET', route: '/v1/subjects/:id', status: 200,
      ms: expect.any(Number), tenant_id: 'acme', actor_id: expect.stringMatching(/^key:/),
    }); // prettier-ignore
    const all = api.log.join('\n');
    for (const secret of [
      id,
      name,
      encodeURIComponent(name),
      'Zo',
      api.keys.operator,
      api.keys.operator.slice(4, 12),
      '127.0.0.1',
    ])
      expect([secret, all.includes(secret)]).toEqual([secret, false]);
    for (const line of api.log) expect(line).toMatch(/^\{[^\n\r\u0085\u2028\u2029]*\}$/);
  });

  it('tells refusals from faults by its level', async () => {
    const refused = await call(api, 'GET', '/v1/subjects');
    expect(await recordOf(api, refused.headers.get('x-request-id')!)).toMatchObject({
      level: 'warn',
      status: 401,
      tenant_id: null,
    });
  });

  it('of a fault is the cause, in the log and not on the wire', async () => {
    await api.db.query('ALTER TABLE subjects RENAME COLUMN erased_at TO gone_at');
    try {
      const { status, body, headers } = await call(api, 'GET', '/v1/subjects', { key: api.keys.operator });
      expect([status, body['code']]).toEqual([500, 'internal-error']);
      expect(JSON.stringify(body)).not.toContain('erased_at');
      const fault = api.log.find((line) => line.includes(headers.get('x-request-id')!) && line.includes('erased_at'));
      expect(fault).toBeDefined();
    } finally {
      await api.db.query('ALTER TABLE subjects RENAME COLUMN gone_at TO erased_at');
    }
  });
});

describe('behind a proxy (case UP-02)', () => {
  const forged = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-for': '203.0.113.9',
    forwarded: 'host=evil.example;proto=https',
  };
  const everything = async (of: TestApi): Promise<string> => {
    const made = await call(of, 'POST', '/v1/subjects', { key: of.keys.operator, body: { name: 'x' }, headers: forged });
    const refused = await call(of, 'GET', '/nothing', { headers: forged });
    const reference = await call(of, 'GET', '/openapi.json', { headers: forged });
    expect(made.headers.get('location')).toMatch(/^\/v1\/subjects\/[0-9a-f-]{36}$/);
    return JSON.stringify([made, refused, reference].map(({ headers, body }) => [[...headers], body]));
  };

  it('nobody is believed by default: the foreign host appears nowhere, and nothing becomes https', async () => {
    expect(await everything(api)).not.toContain('evil.example');
    const { headers } = await call(api, 'GET', '/healthz', { headers: forged });
    expect(headers.get('strict-transport-security')).toBeNull();
  });

  it('a configured one is believed about https, and its host appears nowhere all the same', async () => {
    expect(await everything(proxied)).not.toContain('evil.example');
    const { headers } = await call(proxied, 'GET', '/healthz', { headers: forged });
    expect(headers.get('strict-transport-security')).toMatch(/^max-age=/);
  });

  it('a foreign Host header appears nowhere either', async () => {
    const { port } = new URL(api.url);
    const answer = await new Promise<string>((done, fail) => {
      const sent = rawRequest({ port, host: '127.0.0.1', method: 'POST', path: '/v1/subjects',
        headers: { host: 'evil.example', authorization: `Bearer ${api.keys.operator}` } }, (response) => {
        let text = JSON.stringify(response.headers);
        response.on('data', (data: Buffer) => (text += data.toString())).on('end', () => done(text));
      }); // prettier-ignore
      sent.on('error', fail).end();
    });
    expect(answer).not.toContain('evil.example');
    expect(answer).toContain('/v1/subjects/');
  });
});

describe('every answer', () => {
  it.each(['/healthz', '/v1/subjects', '/nothing', '/docs', '/problems', '/log/checkpoint', '/v1/subjects/%zz'])(
    '%s carries the security headers',
    async (path) => {
      const { headers } = await call(api, 'GET', path);
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin', 'content-security-policy': expect.stringContaining("default-src 'none'"),
      }); // prettier-ignore
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('server')).toBeNull();
    },
  );

  it('of the API is kept by no cache', async () => {
    for (const path of ['/v1/subjects', '/v1/api-keys', '/v1/audit/events'])
      expect((await call(api, 'GET', path, { key: api.keys.admin })).headers.get('cache-control')).toBe('no-store');
  });
});
