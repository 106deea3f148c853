import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

describe('subjects over HTTP', () => {
  it('are made, read and listed', async () => {
    const made = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: { name: 'ಆ' } });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/v1/subjects/${String(made.body['id'])}`);
    const read = await call(api, 'GET', made.headers.get('location')!, { key: api.keys.operator });
    expect(read).toMatchObject({ status: 200, body: made.body });
    const health = await call(api, 'GET', '/healthz');
    expect(health).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
