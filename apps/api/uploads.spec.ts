import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as tus from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Links } from '#access';
import type { Principal } from '#kernel';
import { Objects } from '#storage';
import { TENANT, type TestApi, call, openTestApi } from './api.fixture.ts';
import { cuttingProxy } from './cutting-proxy.fixture.ts';

let api: TestApi;
let clip: Buffer;
beforeAll(async () => {
  api = await openTestApi({ worker: true });
  const path = join(api.home, 'clip.mp4');
  // Noise does not compress: some megabytes in nine seconds.
  execFileSync(api.platform.media.tools.ffmpeg, [
    '-v', 'error', '-f', 'lavfi', '-i', 'nullsrc=s=320x240:r=15:d=9,geq=random(1)*255:128:128', '-f', 'lavfi', '-i', 'sine=d=9',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '30', '-c:a', 'aac', '-shortest', path,
  ]); // prettier-ignore
  clip = readFileSync(path);
});
afterAll(() => api.close());

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const person = async (key = api.keys.operator): Promise<string> =>
  String((await call(api, 'POST', '/v1/subjects', { key, body: {} })).body['id']);
const metadata = (members: Record<string, string>): string =>
  Object.entries(members).map(([name, value]) => `${name} ${b64(value)}`).join(','); // prettier-ignore
const TUS = { 'tus-resumable': '1.0.0' };

async function create(headers: Record<string, string>, key = api.keys.operator) {
  return call(api, 'POST', '/v1/uploads', { key, headers: { ...TUS, ...headers } });
}
async function begin(length: number): Promise<string> {
  const made = await create({
    'upload-length': String(length),
    'upload-metadata': metadata({ kind: 'footage', subject_id: await person() }),
  });
  expect(made.status).toBe(201);
  return made.headers.get('location')!;
}
async function patch(location: string, offset: number, bytes: Uint8Array, key = api.keys.operator) {
  const response = await fetch(api.url + location, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${key}`,
      ...TUS,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
    },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
const head = async (location: string, key = api.keys.operator) =>
  fetch(api.url + location, { method: 'HEAD', headers: { authorization: `Bearer ${key}`, ...TUS } });
const offsetOf = async (location: string): Promise<number> => Number((await head(location)).headers.get('upload-offset'));

/** By a client that we did not write. */
async function uploadWithTusJs(file: Buffer, endpoint: string, options: Partial<tus.UploadOptions> = {}): Promise<string> {
  const subject = await person();
  return new Promise<string>((done, fail) => {
    const upload: tus.Upload = new tus.Upload(file, {
      endpoint,
      headers: { authorization: `Bearer ${api.keys.operator}` },
      metadata: { kind: 'footage', subject_id: subject, sha256: sha256(file), filename: 'a name of a person.mp4' },
      retryDelays: Array.from({ length: 30 }, () => 20),
      onError: fail,
      onSuccess: () => done(new URL(upload.url!).pathname),
      ...options,
    });
    upload.start();
  });
}
async function settled(location: string): Promise<Record<string, unknown>> {
  for (;;) {
    const { body } = await call(api, 'GET', location, { key: api.keys.operator });
    if (body['state'] !== 'checking') return body;
    await sleep(50);
  }
}

describe('tus 1.0, spoken with tus-js-client', () => {
  it('a whole file in one request, checked and ready, with the same SHA-256', async () => {
    const location = await uploadWithTusJs(clip, `${api.url}/v1/uploads`);
    expect(await settled(location)).toMatchObject({ state: 'ready', bytes: clip.length, sha256: sha256(clip), problem: null });
    const [row] = await api.db.query<{ object_id: string }>('SELECT object_id FROM uploads WHERE id = $1', [
      location.split('/').at(-1),
    ]);
    expect(sha256(await api.app.get(Objects).readAll(TENANT, row!.object_id))).toBe(sha256(clip));
  });

  it('a connection that is cut six times at random bytes: the same SHA-256, and what is sent again is less than what was in the air', async () => {
    const cuts = Array.from({ length: 6 }, () => 1 + Math.floor(Math.random() * (clip.length / 7)));
    // The POST has a connection of its own, or shares the first: both must survive.
    const proxy = await cuttingProxy(api.url, [100_000, ...cuts]);
    try {
      const location = await uploadWithTusJs(clip, `${proxy.url}/v1/uploads`);
      expect(await settled(new URL(location, api.url).pathname)).toMatchObject({ state: 'ready', sha256: sha256(clip) });
      const overhead = proxy.sent() - clip.length;
      // What Node had read and not handed on when the connection broke, seven times, and headers: about 1 MB here.
      expect(overhead).toBeLessThan(7 * 512 * 1024);
    } finally {
      await proxy.close();
    }
  });

  it('a recording of unknown length in small requests', async () => {
    const location = await uploadWithTusJs(clip, `${api.url}/v1/uploads`, { uploadLengthDeferred: true, chunkSize: 400_000 });
    expect(await settled(location)).toMatchObject({ state: 'ready', bytes: clip.length, sha256: sha256(clip) });
  });

  it('an upload that the client ends is gone', async () => {
    const location = await begin(clip.length);
    await patch(location, 0, clip.subarray(0, 10_000));
    await tus.Upload.terminate(api.url + location, { headers: { authorization: `Bearer ${api.keys.operator}` } } as never);
    expect((await head(location)).status).toBe(404);
    expect((await call(api, 'GET', location, { key: api.keys.operator })).status).toBe(404);
  });
});

describe('the protocol by hand', () => {
  it('says what it can do, to anybody', async () => {
    const { status, headers } = await call(api, 'OPTIONS', '/v1/uploads');
    expect(status).toBe(204);
    expect(headers.get('tus-version')).toBe('1.0.0');
    expect(headers.get('tus-extension')).toBe('creation,creation-defer-length,termination,expiration');
    expect(headers.get('tus-max-size')).toBe(String(2 * 1024 ** 3));
  });

  it('refuses another version with 412 and says which one it speaks', async () => {
    const { status, headers, body } = await create({ 'tus-resumable': '0.2.2', 'upload-length': '1' });
    expect({ status, code: body['code'], version: headers.get('tus-version') }).toEqual({
      status: 412,
      code: 'tus-version',
      version: '1.0.0',
    });
  });

  it.each([
    ['no length', {}],
    ['both lengths', { 'upload-length': '10', 'upload-defer-length': '1' }],
    ['another deferral', { 'upload-defer-length': '2' }],
    ['a negative length', { 'upload-length': '-1' }],
    ['no whole number', { 'upload-length': '1e3' }],
  ])('refuses %s', async (_, headers) => {
    const made = await create({ 'upload-metadata': metadata({ kind: 'footage', subject_id: await person() }), ...headers });
    expect(made).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
  });

  it.each([
    ['no metadata', ''],
    ['another kind', metadata({ kind: 'selfie', subject_id: '0197a0a0-0000-7000-8000-000000000000' })],
    ['no person', metadata({ kind: 'footage' })],
    ['a kind that is said twice', `kind ${b64('footage')},kind ${b64('footage')}`],
    ['no Base64', 'kind footage!'],
  ])('refuses %s', async (_, value) => {
    const made = await create({ 'upload-length': '1', 'upload-metadata': value });
    expect(made).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
    expect(JSON.stringify(made.body)).toContain('/headers/upload-metadata');
  });

  it('more than the limit: 413 before a byte is sent', async () => {
    const meta = metadata({ kind: 'footage', subject_id: await person() });
    const made = await create({ 'upload-length': String(2 * 1024 ** 3 + 1), 'upload-metadata': meta });
    expect(made).toMatchObject({ status: 413, body: { code: 'upload-too-large', limit: 2 * 1024 ** 3 } });
  });

  it('Location is relative, whatever host a client or proxy names (case UP-02)', async () => {
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' };
    const made = await create({
      'upload-length': '1',
      'upload-metadata': metadata({ kind: 'footage', subject_id: await person() }),
      ...headers,
    });
    expect(made.headers.get('location')).toMatch(/^\/v1\/uploads\/[0-9a-f-]{36}$/);
    expect(JSON.stringify([...made.headers])).not.toContain('evil');
  });

  it.each([-1, +1])('offset %i beside the truth: 409, nothing changed, HEAD tells the truth (case UP-01)', async (by) => {
    const location = await begin(clip.length);
    expect((await patch(location, 0, clip.subarray(0, 5000))).status).toBe(204);
    const wrong = await patch(location, 5000 + by, clip.subarray(5000 + by, 6000));
    expect(wrong).toMatchObject({ status: 409, body: { code: 'upload-offset-conflict', offset: 5000 } });
    expect(wrong.headers.get('tus-resumable')).toBe('1.0.0');
    expect(await offsetOf(location)).toBe(5000);
    expect((await patch(location, 5000, clip.subarray(5000))).headers.get('upload-offset')).toBe(String(clip.length));
    expect(await settled(location)).toMatchObject({ sha256: sha256(clip) });
  });

  it('an expired upload is gone: HEAD and PATCH answer 410', async () => {
    const location = await begin(10);
    await api.db.query(`UPDATE upload_sessions SET state = 'expired' WHERE id = $1`, [location.split('/').at(-1)]);
    expect((await head(location)).status).toBe(410);
    expect(await patch(location, 0, new Uint8Array(10))).toMatchObject({ status: 410, body: { code: 'upload-expired' } });
  });

  it('another content type is not taken for bytes', async () => {
    const location = await begin(10);
    const wrong = await call(api, 'PATCH', location, {
      key: api.keys.operator,
      body: {},
      headers: { ...TUS, 'upload-offset': '0' },
    });
    expect(wrong).toMatchObject({ status: 415, body: { code: 'media-type-unsupported' } });
    expect(await offsetOf(location)).toBe(0);
  });

  it('a connection that breaks in the middle of a request keeps what had arrived', async () => {
    const location = await begin(clip.length);
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `PATCH ${location} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.keys.operator}\r\nTus-Resumable: 1.0.0\r\n` +
        `Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: ${clip.length}\r\n\r\n`,
    );
    socket.write(clip.subarray(0, 50_000));
    await sleep(300);
    socket.destroy();
    let offset = 0;
    for (let i = 0; i < 100 && (offset = await offsetOf(location)) === 0; i++) await sleep(20);
    expect(offset).toBe(50_000);
  });

  it('whoever has no key, the wrong role or another tenant gets nothing', async () => {
    const location = await begin(10);
    expect((await fetch(api.url + location, { method: 'HEAD', headers: TUS })).status).toBe(401);
    expect((await head(location, api.keys.auditor)).status).toBe(403);
    expect((await head(location, api.otherTenant.operator)).status).toBe(404);
    expect((await patch(location, 0, new Uint8Array(10), api.otherTenant.admin)).status).toBe(404);
    const theirs = await create({
      'upload-length': '1',
      'upload-metadata': metadata({ kind: 'footage', subject_id: await person(api.otherTenant.operator) }),
    });
    expect(theirs).toMatchObject({ status: 404, body: { code: 'not-found' } });
  });

  it('what the log of the process says holds no token, no metadata and no address', async () => {
    await begin(10);
    expect(api.log.join('\n')).not.toMatch(/ask_|upload-metadata|\/v1\/uploads\/[0-9a-f]/);
  });

  it('a file that is no clip ends as refused, with its problem', async () => {
    const location = await begin(5000);
    await patch(location, 0, randomBytes(5000));
    expect(await settled(location)).toMatchObject({ state: 'refused', problem: { code: 'media-type-unsupported' } });
  });
});

it('a person’s link uploads the clip of its own consent, and nothing else', async () => {
  const system: Principal = { tenantId: TENANT, actorId: 'test', roles: ['system'] };
  const subjectId = await person();
  const consentId = crypto.randomUUID();
  await api.db.query(
    `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
     VALUES ($1, $2, $3, 'notice_shown', '{}', '{}', '{}', $4, now(), 'UTC', 'none')`,
    [consentId, TENANT, subjectId, consentId],
  );
  const expiresAt = new Date(Date.now() + 60_000);
  const issue = (purpose: 'consent' | 'manage') =>
    api.db.tx((tx) => api.app.get(Links).issue(tx, system, { subjectId, consentId, purpose, expiresAt }));
  const { token } = await issue('consent');
  const own = { kind: 'consent-clip', subject_id: subjectId, consent_id: consentId };
  const made = await create({ 'upload-defer-length': '1', 'upload-metadata': metadata(own) }, token);
  expect(made.status).toBe(201);
  expect((await head(made.headers.get('location')!, token)).status).toBe(200);
  expect(
    (await create({ 'upload-defer-length': '1', 'upload-metadata': metadata({ ...own, kind: 'footage' }) }, token)).status,
  ).toBe(404);
  expect((await head(await begin(10), token)).status).toBe(404);
  const manage = await issue('manage');
  expect((await create({ 'upload-defer-length': '1', 'upload-metadata': metadata(own) }, manage.token)).status).toBe(403);
});
