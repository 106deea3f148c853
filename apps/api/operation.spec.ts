import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEM_CATALOG } from '#http';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const ready = async (): Promise<{ status: number; checks: Record<string, boolean> }> => {
  await new Promise((next) => setTimeout(next, 1100)); // one answer serves all who ask within a second
  const { status, body } = await call(api, 'GET', '/readyz');
  return {
    status,
    checks: Object.fromEntries((body['checks'] as { name: string; ok: boolean }[]).map(({ name, ok }) => [name, ok])),
  };
};

describe('/readyz', () => {
  it('asks each part', async () => {
    expect(await ready()).toEqual({ status: 200, checks: { database: true, log: true, signer: true, storage: true } });
  });

  it('says no while the log is behind, and /healthz still says yes', async () => {
    await api.platform.sequencer.stop();
    await api.db.query(
      `INSERT INTO audit_outbox (event_id, tenant_id, event) VALUES (gen_random_uuid(), 'acme', jsonb_build_object('kind', 'subject.created',
       'actor', 'x', 'data', jsonb_build_object('subjectId', gen_random_uuid()), 'time', now() - interval '10 minutes'))`,
    );
    expect(await ready()).toMatchObject({ status: 503, checks: { log: false, database: true } });
    expect((await call(api, 'GET', '/healthz')).status).toBe(200);
    await api.platform.sequencer.start();
    expect((await ready()).status).toBe(200);
  });

  it('says no when the store takes nothing, and tells no path or address', async () => {
    const { store } = api.platform;
    const put = store.put.bind(store);
    store.put = () => Promise.reject(new Error('ENOSPC: /srv/secret/place'));
    try {
      expect(await ready()).toMatchObject({ status: 503, checks: { storage: false } });
      expect(JSON.stringify((await call(api, 'GET', '/readyz')).body)).not.toContain('secret');
    } finally {
      store.put = put;
    }
  });
});

describe('/metrics', () => {
  it('counts requests by pattern, jobs, the log and the pool; no id, address or name in any label', async () => {
    const made = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: { name: 'Metric' } });
    await call(api, 'GET', `/v1/subjects/${String(made.body['id'])}`, { key: api.keys.operator });
    await call(api, 'GET', '/nothing/at/all');
    await api.db.tx((tx) => api.platform.jobs.enqueue(tx, { tenantId: 'acme', kind: 'nothing', payload: {} }));
    await api.platform.sequencer.drain();
    const { status, headers, body } = await call(api, 'GET', '/metrics', { key: api.keys.admin });
    const text = String(body['text']);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(text).toMatch(/^assent_http_request_seconds_count\{method="GET",route="\/v1\/subjects\/:id",status="200"\} 1$/m);
    expect(text).toMatch(/^assent_http_request_seconds_count\{method="GET",route="\(none\)",status="404"\} 1$/m);
    expect(text).toMatch(/^assent_jobs\{kind="nothing",state="queued"\} 1$/m);
    expect(text).toMatch(/^assent_log_backlog 0$/m);
    expect(text).toMatch(/^assent_log_backlog_seconds 0$/m);
    expect(Number(/^assent_log_entries (\d+)$/m.exec(text)![1])).toBeGreaterThan(8);
    expect(text).toMatch(/^assent_db_connections\{state="idle"\} [1-9]/m);
    expect(text).toMatch(/^assent_db_connections\{state="waiting"\} 0$/m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|127\.0\.0\.1|Metric|acme/);
  });
});

describe('the reference', () => {
  it('is a page that asks nobody else and runs no script of others', async () => {
    const page = await call(api, 'GET', '/docs');
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    const html = String(page.body['text']);
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
    expect(files.length).toBe(4);
    for (const file of files) {
      expect(file).toMatch(/^\/docs\//);
      expect((await call(api, 'GET', file)).status).toBe(200);
    }
    expect(html).not.toMatch(/<script>|\son\w+=/);
    for (const file of ['package.json', 'index.html', 'constructor', '__proto__'])
      expect((await call(api, 'GET', `/docs/${file}`)).status).toBe(404);
  });

  it('serves openapi.json as it is checked in', async () => {
    const { body } = await call(api, 'GET', '/openapi.json');
    expect(body['openapi']).toBe('3.1.0');
    expect(Object.keys(body['paths'] as object)).toContain('/v1/subjects/{id}');
  });

  it('has a page for every refusal, with what to do', async () => {
    const list = String((await call(api, 'GET', '/problems')).body['text']);
    for (const [slug, { title, status }] of Object.entries(PROBLEM_CATALOG)) {
      expect(list).toContain(`href="/problems/${slug}"`);
      const page = await call(api, 'GET', `/problems/${slug}`);
      expect([slug, page.status]).toEqual([slug, 200]);
      expect(String(page.body['text'])).toContain(`status ${status}`);
      expect(String(page.body['text'])).toContain(title.replaceAll('’', '’'));
    }
    for (const slug of ['nothing-of-it', 'constructor', '<b>'])
      expect((await call(api, 'GET', `/problems/${encodeURIComponent(slug)}`)).status).toBe(404);
  });
});
