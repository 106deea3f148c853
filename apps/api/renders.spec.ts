import { setTimeout as sleep } from 'node:timers/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RenderDownloads, RenderingService } from '#rendering';
import { type TestApi, call, openTestApi } from './api.fixture.ts';
import { type MediaWorld, mediaWorld, sha256 } from './media-world.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const operator = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  call(api, method, path, { key: api.keys.operator, headers, ...(body === undefined ? {} : { body }) });
const download = (world: MediaWorld, headers: Record<string, string> = {}, method = 'GET', key = api.keys.operator) =>
  fetch(`${api.url}/v1/renders/${world.renderId}/download`, { method, headers: { authorization: `Bearer ${key}`, ...headers } });
const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe('a published render', () => {
  let world: MediaWorld;
  beforeAll(async () => void (world = await mediaWorld(api)));

  it('is downloaded whole, with a strong tag and for no cache', async () => {
    const response = await download(world);
    expect(response.status).toBe(200);
    expect(sha256(await bytesOf(response))).toBe(world.video.sha256);
    expect(response.headers.get('etag')).toBe(`"${world.video.sha256}"`);
    expect(response.headers.get('cache-control')).toBe('private, no-store');
    expect(response.headers.get('content-type')).toBe('video/mp4');
  });

  it.each([
    ['bytes=0-99', 0, 100],
    ['bytes=65530-65560', 65_530, 65_561],
    ['bytes=299990-', 299_990, 300_000],
    ['bytes=-10', 299_990, 300_000],
    ['bytes=299999-999999999', 299_999, 300_000],
  ])('in parts: %s', async (range, start, end) => {
    const response = await download(world, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/300000`);
    expect((await bytesOf(response)).equals(world.video.bytes.subarray(start, end))).toBe(true);
  });

  it('beyond its end: 416 with its size; after another version: whole', async () => {
    const outside = await download(world, { range: 'bytes=300000-' });
    expect(outside.status).toBe(416);
    expect(outside.headers.get('content-range')).toBe('bytes */300000');
    expect(await outside.json()).toMatchObject({ code: 'range-not-satisfiable', bytes: 300_000 });
    expect((await download(world, { range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200);
    expect((await download(world, { range: 'bytes=0-9', 'if-range': `"${world.video.sha256}"` })).status).toBe(206);
  });

  it('HEAD tells its size and sends nothing', async () => {
    const response = await download(world, {}, 'HEAD');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('300000');
    expect((await bytesOf(response)).length).toBe(0);
  });

  it('is nobody else’s', async () => {
    expect((await download(world, {}, 'GET', api.otherTenant.admin)).status).toBe(404);
    expect((await download(world, {}, 'GET', api.keys.auditor)).status).toBe(403);
    expect((await fetch(`${api.url}/v1/renders/${world.renderId}/download`)).status).toBe(401);
  });

  it('reads, lists and stands for its download only while it may be had', async () => {
    expect(await operator('GET', `/v1/renders/${world.renderId}`)).toMatchObject({
      status: 200,
      body: {
        state: 'published',
        progress: 1,
        download_url: `/v1/renders/${world.renderId}/download`,
        sha256: world.video.sha256,
      },
    });
    const { body } = await operator('GET', `/v1/renders?replica_id=${world.replicaId}`);
    expect(body).toMatchObject({ data: [{ id: world.renderId }], next_cursor: null });
    expect(await operator('POST', `/v1/renders/${world.renderId}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'state-conflict' },
    });
  });
});

describe('after the consent (case LE-01)', () => {
  it.each([
    ['withdraw', 410, 'consent-withdrawn'],
    ['expire', 410, 'consent-expired'],
    ['pause', 403, 'consent-paused'],
  ] as const)('%s: download, picture and events answer %i at once, and the refusal is in the log', async (act, status, code) => {
    const world = await mediaWorld(api);
    expect((await download(world)).status).toBe(200);
    await world[act]();
    const paths = ['download', 'events'].map((what) => `/v1/renders/${world.renderId}/${what}`);
    for (const path of [...paths, `/v1/replicas/${world.replicaId}/card`]) {
      const refused = await operator('GET', path);
      expect({ path, status: refused.status, code: refused.body['code'] }).toEqual({ path, status, code });
      expect(refused.headers.get('cache-control')).toBe('no-store');
    }
    expect(await world.refusals()).toContainEqual(
      expect.objectContaining({ gate: 'render-download', slug: code, renderId: world.renderId }),
    );
  });

  it('a pause that is over gives it back', async () => {
    const world = await mediaWorld(api);
    await world.pause();
    await world.resume();
    expect((await download(world)).status).toBe(200);
  });

  it('the job that follows a withdrawal disables it for good, with an event', async () => {
    const world = await mediaWorld(api);
    await world.withdraw();
    const principal = { tenantId: 'acme', actorId: 'worker', roles: ['system'] as const };
    await api.db.tx((tx) => api.app.get(RenderingService).followConsent(tx, principal, world.consentId, 'withdrawn'));
    const read = await operator('GET', `/v1/renders/${world.renderId}`);
    expect(read.body).toMatchObject({ state: 'disabled', download_url: null });
    await api.db.query(`UPDATE consents SET state = 'given' WHERE id = $1`, [world.consentId]); // nobody can, through the house
    expect(await operator('GET', `/v1/renders/${world.renderId}/download`)).toMatchObject({
      status: 410,
      body: { code: 'consent-withdrawn' },
    });
  });

  it('an erased person: 410 erased', async () => {
    const world = await mediaWorld(api);
    await world.withdraw();
    expect((await call(api, 'DELETE', `/v1/subjects/${world.subjectId}`, { key: api.keys.admin })).status).toBeLessThan(300);
    for (const path of [`/v1/renders/${world.renderId}/download`, `/v1/replicas/${world.replicaId}/card`])
      expect(await operator('GET', path)).toMatchObject({ status: 410, body: { code: 'erased' } });
  });

  it('a download that runs across the withdrawal is cut, and never reaches its end', async () => {
    const world = await mediaWorld(api, { bytes: 40_000_000 });
    const slow = await openSlowly(world);
    let received = 0;
    const cut = once(slow, 'error');
    slow.on('data', (chunk: Buffer) => {
      received += chunk.length;
      slow.pause();
      setTimeout(() => slow.resume(), 20);
    });
    await sleep(200);
    await world.withdraw();
    const [error] = (await cut) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect(received).toBeLessThan(40_000_000);
    await vanish();
  });
});

async function openSlowly(world: MediaWorld): Promise<IncomingMessage> {
  const asked = httpRequest(`${api.url}/v1/renders/${world.renderId}/download`, {
    headers: { authorization: `Bearer ${api.keys.operator}` },
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}
/** Nothing of a download is left on the server. */
async function vanish(): Promise<void> {
  for (let i = 0; i < 100 && api.app.get(RenderDownloads).running > 0; i++) await sleep(50);
  expect(api.app.get(RenderDownloads).running).toBe(0);
}

it('a client that disconnects in the middle leaves nothing open', async () => {
  const world = await mediaWorld(api, { bytes: 20_000_000 });
  for (let i = 0; i < 10; i++) {
    const response = await openSlowly(world);
    await once(response, 'data');
    response.destroy();
  }
  await vanish();
});

describe('asking for a render', () => {
  it('202 with an address; the same key asks for one render', async () => {
    const world = await mediaWorld(api);
    const key = { 'idempotency-key': 'render-key-1' };
    const first = await operator('POST', '/v1/renders', world.renderBody, key);
    expect(first).toMatchObject({
      status: 202,
      body: { state: 'queued', progress: 0, purpose: 'async_video', audio: 'own', start: 0 },
    });
    expect(first.headers.get('location')).toBe(`/v1/renders/${String(first.body['id'])}`);
    expect(first.headers.get('retry-after')).toBe('2');
    const again = await operator('POST', '/v1/renders', world.renderBody, key);
    expect(again.body).toEqual(first.body);
    // A crash between effect and answer forgets the stored answer; the job does not forget.
    await api.db.query('DELETE FROM idempotency_keys');
    expect((await operator('POST', '/v1/renders', world.renderBody, key)).body['id']).toBe(first.body['id']);
    expect(await api.db.query('SELECT id FROM renders WHERE replica_id = $1', [world.replicaId])).toHaveLength(2);
    const [job] = await api.db.query<{ request_id: string }>(
      'SELECT j.request_id FROM jobs j JOIN renders r ON r.job_id = j.id WHERE r.id = $1',
      [first.body['id']],
    );
    expect(job!.request_id).toBe(first.headers.get('x-request-id'));
  });

  it.each([
    ['withdraw', 'consent-withdrawn'],
    ['pause', 'consent-paused'],
    ['expire', 'consent-expired'],
  ] as const)('after %s: 403 %s, one refusal in the log, no render', async (act, code) => {
    const world = await mediaWorld(api);
    await world[act]();
    expect(await operator('POST', '/v1/renders', world.renderBody)).toMatchObject({ status: 403, body: { code } });
    expect(await world.refusals()).toEqual([
      expect.objectContaining({ gate: 'render-request', slug: code, replicaId: world.replicaId }),
    ]);
    expect(await api.db.query(`SELECT 1 FROM renders WHERE consent_id = $1 AND state = 'queued'`, [world.consentId])).toEqual([]);
  });

  it('for a purpose outside the scope: 403 consent-scope', async () => {
    const world = await mediaWorld(api);
    const refused = await operator('POST', '/v1/renders', { ...world.renderBody, purpose: 'advertising' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'consent-scope', agreed: ['training', 'async_video'] } });
    expect(await world.refusals()).toHaveLength(1);
  });

  it('more than the person agreed to: 403 consent-scope, also when many ask at once', async () => {
    const world = await mediaWorld(api, { scope: { max_renders: 4 } }); // one is published
    const asked = await Promise.all(Array.from({ length: 8 }, () => operator('POST', '/v1/renders', world.renderBody)));
    expect(asked.filter(({ status }) => status === 202)).toHaveLength(3);
    expect(asked.filter(({ status }) => status === 403)).toHaveLength(5);
    expect(asked.find(({ status }) => status === 403)!.body).toMatchObject({ code: 'consent-scope', max_renders: 4 });
  });

  it('a foreign replica is not found; unknown members and numbers out of range are named', async () => {
    const world = await mediaWorld(api);
    const foreign = await call(api, 'POST', '/v1/renders', { key: api.otherTenant.operator, body: world.renderBody });
    expect(foreign).toMatchObject({ status: 404, body: { code: 'not-found' } });
    const faulty = await operator('POST', '/v1/renders', { ...world.renderBody, seconds: 0, demo: true });
    expect(faulty).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
    expect(JSON.stringify(faulty.body['errors'])).toMatch(/\/demo.*\/seconds|\/seconds.*\/demo/);
  });

  it('one that waits can be cancelled, twice', async () => {
    const world = await mediaWorld(api);
    const { body } = await operator('POST', '/v1/renders', world.renderBody);
    for (let i = 0; i < 2; i++)
      expect(await operator('POST', `/v1/renders/${String(body['id'])}/cancel`)).toMatchObject({
        status: 202,
        body: { state: 'cancelling', cancel_reason: 'user' },
      });
  });

  it('lists each render once, whatever the page size, while others are added (case LG-02)', async () => {
    const world = await mediaWorld(api);
    await api.db.query(
      `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, state, request)
       SELECT gen_random_uuid(), tenant_id, subject_id, consent_id, replica_id, 'failed', request FROM renders, generate_series(1, 300) WHERE id = $1`,
      [world.renderId],
    );
    for (const limit of [1, 7, 100, 200]) {
      const seen: unknown[] = [];
      const path = `/v1/renders?replica_id=${world.replicaId}&state=failed&limit=${limit}`;
      let cursor: string | null = '';
      for (let i = 0; cursor !== null && i < (limit === 1 ? 20 : 1000); i++) {
        const { body } = await operator('GET', path + (cursor === '' ? '' : `&cursor=${cursor}`));
        seen.push(...(body['data'] as { id: string }[]).map(({ id }) => id));
        cursor = body['next_cursor'] as string | null;
      }
      expect(new Set(seen).size).toBe(seen.length);
      if (limit > 1) expect(seen).toHaveLength(300);
    }
    expect(await operator('GET', '/v1/renders?cursor=bm9uc2Vuc2U')).toMatchObject({
      status: 422,
      body: { code: 'invalid-input' },
    });
  });
});
