import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RgbFrame, newId } from '#kernel';
import { KeyStore } from '#keys';
import { encodeVideo } from '#media';
import { VideoMarker, newMarkId, signAsset, signMarkRow, thumbnailTrack } from '#provenance';
import { VerificationDesk, VerificationKit } from '#verification';
import { MarkRegistry } from '#replicas';
import { type TestApi, openTestApi } from './api.fixture.ts';
import { mediaWorld } from './media-world.fixture.ts';

let api: TestApi;
let plain: Buffer;
let signed: Buffer;
let marked: { file: Buffer; id: string; renderId: string };
beforeAll(async () => {
  api = await openTestApi();
  // Searching long for what is not there proves nothing here: how well marks are found is the engine's test.
  Object.assign(api.app.get(VerificationKit), { searchMs: 300 });
  plain = clip('plain.mp4');
  signed = await sign('plain.mp4');
  marked = await markedClip();
}, 300_000);
afterAll(() => api.close());

const at = (name: string): string => join(api.home, name);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
function clip(name: string): Buffer {
  const { ffmpeg } = api.platform.media.tools;
  execFileSync(ffmpeg, [
    '-v',
    'error',
    '-y',
    '-f',
    'lavfi',
    '-i',
    'testsrc=s=160x120:r=10:d=2',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    at(name),
  ]);
  return readFileSync(at(name));
}
/** Signed as the platform signs its renders, naming the consent of a person. */
async function sign(name: string, statusUrl = 'urn:assent:status/v1/consents/unknown-token/status'): Promise<Buffer> {
  await signAsset(
    { input: at(name), output: at(`signed-${name}`), mimeType: 'video/mp4' },
    {
      title: 'render', digitalSourceType: 'trainedAlgorithmicMedia',
      consent: { status_url: statusUrl, record_sha256: 'a'.repeat(64), scope_sha256: 'b'.repeat(64), assurance: 'none' },
      lineage: { render_id: newId() },
    },
    [],
    api.platform.signing.identity,
  ); // prettier-ignore
  return readFileSync(at(`signed-${name}`));
}
/** Pictures with our mark and their row in the registry, without any manifest: what is left after somebody stripped it. */
async function markedClip(): Promise<{ file: Buffer; id: string; renderId: string }> {
  const { signing, media } = api.platform;
  const [size, fps, count] = [256, 25, 75];
  const id = newMarkId();
  const marker = new VideoMarker(signing.markKeys[0].key, id, size, size);
  const kept: RgbFrame[] = [];
  async function* frames(): AsyncIterable<Uint8Array> {
    for (let i = 0; i < count; i++) {
      const data = new Uint8Array(size * size * 3);
      for (let p = 0; p < size * size; p++) {
        const [x, y] = [p % size, Math.floor(p / size)];
        const wave = 128 + 50 * Math.sin((x + 2 * i) / 17) + 40 * Math.cos(y / 23) + 15 * Math.sin((x * y) / 900);
        data.set([wave, wave * 0.8 + 20, 230 - wave * 0.6], p * 3);
      }
      marker.mark(data);
      if (i % fps === 0) kept.push({ width: size, height: size, data, time: i / fps });
      await Promise.resolve();
      yield data;
    }
  }
  await encodeVideo(
    { out: at('marked.mp4'), width: size, height: size, fps, frames: frames(), audio: null, crf: 18, tags: {} },
    media.tools,
    media.sandbox,
  );
  const file = readFileSync(at('marked.mp4'));
  const renderId = newId();
  const row = {
    id, kid: signing.markKeys[0].kid, render_id: renderId, manifest_sha256: 'c'.repeat(64), asset_sha256: sha256(file), media: ['video' as const],
    thumbnails: thumbnailTrack(kept) as never, issued_at: new Date().toISOString(),
  }; // prettier-ignore
  const jws = await signMarkRow(row, signing.identity.signer, signing.identity.chainPem);
  const subjectId = newId();
  await api.app.get(KeyStore).createSubjectKey('acme', subjectId);
  const mark = { id, tenantId: 'acme', subjectId, kid: row.kid, renderId, row: jws };
  await api.db.tx((tx) => api.app.get(MarkRegistry).put(tx, mark));
  return { file, id, renderId };
}

async function verify(body: Uint8Array | FormData, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}/v1/verify`, { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
}
const scratchFiles = (): string[] => readdirSync(at('scratch'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name); // prettier-ignore

describe('POST /v1/verify', () => {
  it('a file without marks: 200, and the absence of marks vouches for nothing', async () => {
    const { status, body, headers } = await verify(plain, { 'content-type': 'application/octet-stream' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      verdict: 'not-trusted', sha256: sha256(plain), bytes: plain.length, consent_status: 'not-named', log_index: null,
      c2pa: { state: 'none' }, watermark: { state: 'none' },
    }); // prettier-ignore
    expect(body['sentence']).toContain('says nothing');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(scratchFiles()).toEqual([]);
  });

  it('a signed file, sent as a form: trusted, and its consent is looked up', async () => {
    const form = new FormData();
    form.append('note', 'a field that nobody reads');
    form.append('file', new Blob([new Uint8Array(signed)], { type: 'video/mp4' }), 'a name of a person.mp4');
    const { status, body } = await verify(form);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      verdict: 'trusted',
      consent_status: 'unknown',
      c2pa: { state: 'trusted', consent: { assurance: 'none' } },
    });
    expect(JSON.stringify(body)).not.toContain('a name of a person');
  });

  it('one bit changed: 200, and not trusted', async () => {
    const changed = Buffer.from(signed);
    changed[changed.length - 100]! ^= 1;
    expect(await verify(changed, { 'content-type': 'video/mp4' })).toMatchObject({ status: 200, body: { verdict: 'not-trusted', consent_status: 'not-named', c2pa: { state: 'tampered' } } }); // prettier-ignore
  });

  it('marked pictures whose manifest was taken off: the mark leads to its row, the row to its pictures; and others are answered meanwhile', async () => {
    const looking = verify(marked.file, { 'content-type': 'video/mp4' });
    let answered = 0;
    let done = false;
    void looking.finally(() => (done = true));
    while (!done) {
      expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
      answered++;
    }
    const { body } = await looking;
    expect(body).toMatchObject({
      c2pa: { state: 'none' },
      watermark: { state: 'match', id: marked.id, render_id: marked.renderId },
    });
    expect(answered).toBeGreaterThan(5);
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'media-empty'],
    ['noise', randomBytes(5000), 'media-type-unsupported'],
  ])('%s: 200 with a report that says so', async (_, bytes, reason) => {
    const { status, body } = await verify(bytes, { 'content-type': 'application/octet-stream' });
    expect({ status, state: (body['c2pa'] as { state: string }).state }).toEqual({ status: 200, state: 'unparsable' });
    expect(JSON.stringify(body['c2pa'])).toContain(reason);
  });

  it('names the log entry of a published render by its event, without reading other lines', async () => {
    const world = await mediaWorld(api, { bytes: 1000 });
    const [{ id }] = (await api.db.query<{ id: string }>(`SELECT gen_random_uuid() AS id`)) as [{ id: string }];
    await api.db.query('UPDATE renders SET published_event = $2 WHERE id = $1', [world.renderId, id]);
    await api.db.query(
      `INSERT INTO log_entries (idx, event_id, tenant_id, line, leaf) VALUES (999999, $1, 'acme', $2, '\\x00')`,
      [id, `{"sha256":"${world.video.sha256}"}`],
    );
    expect((await verify(world.video.bytes, { 'content-type': 'video/mp4' })).body).toMatchObject({ log_index: 999_999 });
    await api.db.query(`UPDATE log_entries SET line = '{}' WHERE idx = 999999`);
    expect((await verify(world.video.bytes, { 'content-type': 'video/mp4' })).body).toMatchObject({ log_index: null });
    await api.db.query('DELETE FROM log_entries WHERE idx = 999999');
  });

  it('more than 200 MB: 413 before a byte is read; a form without a file: 422', async () => {
    const status = await new Promise((done) => {
      const request = httpRequest(
        `${api.url}/v1/verify`,
        { method: 'POST', headers: { 'content-length': 200 * 1024 * 1024 + 1 } },
        (response) => {
          done(response.statusCode);
          request.destroy();
        },
      );
      request.flushHeaders();
    });
    expect(status).toBe(413);
    const form = new FormData();
    form.append('other', 'x');
    expect(await verify(form)).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
    const wrong = new FormData();
    wrong.append('picture', new Blob([new Uint8Array(10)]), 'a.png');
    expect(await verify(wrong)).toMatchObject({ status: 422, body: { errors: [{ pointer: '/file' }] } });
  });

  it('takes no address of a file', async () => {
    const { body } = await verify(Buffer.from('{"url":"http://127.0.0.1:9/x.mp4"}'), { 'content-type': 'application/json' });
    expect(body).toMatchObject({
      verdict: 'not-trusted',
      bytes: 34,
      c2pa: { state: 'unparsable', reasons: ['media-type-unsupported'] },
    });
  });

  it('other doors take no forms', async () => {
    const form = new FormData();
    form.append('name', 'x');
    const response = await fetch(`${api.url}/v1/subjects`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${api.keys.operator}` },
    });
    expect(response.status).toBe(415);
  });

  it('fifty clients that go in the middle, half of them with a form, leave nothing (case UP-03)', async () => {
    const desk = api.app.get(VerificationDesk);
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let i = 0; i < 50; i += 10) await Promise.all(Array.from({ length: 10 }, (_, j) => goInTheMiddle(j % 2 === 0)));
    for (let i = 0; i < 100 && (desk.inside > 0 || descriptors() > before + 5); i++) await sleep(50);
    expect(desk.inside).toBe(0);
    expect(scratchFiles()).toEqual([]);
    expect(descriptors()).toBeLessThanOrEqual(before + 5);
  });
});

/** A client that sends a part of what it announced, and is gone. */
async function goInTheMiddle(asForm: boolean): Promise<void> {
  const type = asForm ? 'multipart/form-data; boundary=b' : 'video/mp4';
  const request = httpRequest(`${api.url}/v1/verify`, {
    method: 'POST',
    headers: { 'content-type': type, 'content-length': 5_000_000 },
  });
  request.on('error', () => undefined); // it is us who break it
  if (asForm) request.write('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n');
  request.write(randomBytes(200_000));
  await sleep(60);
  request.destroy();
}

it('a file that is damaged on purpose ends in a report, not in a fault', async () => {
  const worst = Buffer.concat([signed.subarray(0, 40), Buffer.alloc(4000, 0xff), signed.subarray(4040)]);
  writeFileSync(at('worst.mp4'), worst);
  const { status, body } = await verify(worst, { 'content-type': 'video/mp4' });
  expect({ status, verdict: body['verdict'] }).toEqual({ status: 200, verdict: 'not-trusted' });
  expect(api.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
