import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBundle, writeTileFiles } from '#audit';
import { bareEnvironment } from '#kernel';
import { openCheckpoint } from '#tlog';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
let folder: string;
beforeAll(async () => {
  api = await openTestApi();
  folder = await mkdtemp(join(tmpdir(), 'assent-audit-http-'));
  for (const key of [api.keys.operator, api.otherTenant.operator, api.keys.operator])
    for (let i = 0; i < 20; i++) await call(api, 'POST', '/v1/subjects', { key, body: { name: 'Nobody Knows' } });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await api.close();
});

/** Unpacks a tar into a folder and returns the folder of its files. */
async function unpack(bytes: Buffer, name: string): Promise<string> {
  const tar = extract();
  tar.end(bytes);
  for await (const entry of tar) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    const path = join(folder, name, entry.header.name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, Buffer.concat(parts));
  }
  return join(folder, name, 'assent-audit');
}

const download = async (query = '', key = api.keys.auditor): Promise<{ response: Response; bytes: Buffer }> => {
  const response = await fetch(`${api.url}/v1/audit/export${query}`, { headers: { authorization: `Bearer ${key}` } });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
};

describe('GET /v1/audit/export', () => {
  it("streams a bundle that verifies offline, with the auditor's own copy of the key and by the verifier inside it", async () => {
    const { response, bytes } = await download();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-tar');
    const bundle = await unpack(bytes, 'whole');
    const report = await verifyBundle(bundle, api.platform.log.verifierKey);
    expect(report).toMatchObject({ ok: true, complete: false, key: 'pinned' });
    expect(report.entries).toBe(4 + 40 * 2);
    const own = spawnSync(process.execPath, [join(bundle, 'verify.mjs'), bundle], { encoding: 'utf8', env: bareEnvironment() });
    expect([own.status, own.stdout + own.stderr]).toEqual([0, expect.stringContaining('ok')]);
  });

  it("holds this tenant's lines only, and nobody's name", async () => {
    const { bytes } = await download('', api.otherTenant.auditor);
    const bundle = await unpack(bytes, 'rival');
    const lines = (await readFile(join(bundle, 'entries.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as { source: string }); // prettier-ignore
    expect(lines.length).toBe(4 + 20 * 2);
    expect(new Set(lines.map(({ source }) => source)).size).toBe(1);
    expect(bytes.includes('Nobody Knows')).toBe(false);
    expect(bytes.includes('rival')).toBe(false);
  });

  it('is recorded before it is sent, with its range', async () => {
    await download('?since=3');
    await api.platform.sequencer.drain();
    const { body } = await call(api, 'GET', '/v1/audit/events?limit=200', { key: api.keys.auditor });
    const events = (body['data'] as { event: { type: string; data: object } }[]).map(({ event }) => event);
    expect(events.filter(({ type }) => type === 'audit.exported').at(-1)).toMatchObject({ data: { since: 3, tenantOnly: true } });
  });

  it('continues an earlier one: the known checkpoint is an ancestor', async () => {
    const first = await unpack((await download()).bytes, 'first');
    await call(api, 'POST', '/v1/subjects', { key: api.keys.operator });
    const note = await readFile(join(first, 'checkpoint'), 'utf8');
    const second = await unpack((await download()).bytes, 'second');
    expect(await verifyBundle(second, api.platform.log.verifierKey, note)).toMatchObject({ ok: true, known: 'continued' });
  });

  it.each(['?since=-1', '?since=99999999', '?until=99999999', '?since=5&until=2', '?since=x', '?tenant=rival'])(
    'refuses %s',
    async (query) => {
      const { response, bytes } = await download(query);
      expect(response.status).toBe(422);
      expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'invalid-input' });
    },
  );

  it('leaves no folder behind, whether the client stays or goes', async () => {
    const { hostname, port } = new URL(api.url);
    await Promise.all(Array.from({ length: 4 }, () => new Promise<void>((done) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`GET /v1/audit/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.keys.auditor}\r\n\r\n`),
      );
      socket.once('data', () => socket.destroy()).on('close', () => done());
    }))); // prettier-ignore
    await download();
    const left = async (): Promise<string[]> => (await readdir(tmpdir())).filter((name) => name.startsWith('assent-export-'));
    for (let i = 0; i < 100 && (await left()).length > 0; i++) await new Promise((next) => setTimeout(next, 20));
    expect(await left()).toEqual([]);
  });

  it('bounds how many run at once', async () => {
    const statuses = (await Promise.all(Array.from({ length: 12 }, () => download()))).map(({ response }) => response.status);
    expect(new Set(statuses).size).toBeLessThanOrEqual(2);
    for (const status of statuses) expect([200, 503]).toContain(status);
    expect(statuses).toContain(200);
    expect((await download()).response.status).toBe(200);
  });
});

describe('GET /v1/audit/events (case LG-02)', () => {
  it.each([1, 7, 100, 200])('shows each entry once with pages of %d, while others are written', async (limit) => {
    await api.platform.sequencer.drain();
    const seen: number[] = [];
    let cursor: string | undefined;
    const expected = (
      await api.db.query<{ idx: string }>(`SELECT idx FROM log_entries WHERE tenant_id = 'acme' ORDER BY idx`)
    ).map(({ idx }) => Number(idx));
    for (let pages = 0; pages < 400 && seen.length < expected.length; pages++) {
      const { body } = await call(api, 'GET', `/v1/audit/events?limit=${limit}${cursor === undefined ? '' : `&cursor=${cursor}`}`, { key: api.keys.auditor }); // prettier-ignore
      seen.push(...(body['data'] as { index: number }[]).map(({ index }) => index));
      if (pages % 10 === 0) await call(api, 'POST', '/v1/subjects', { key: api.otherTenant.operator });
      if (body['next_cursor'] === null) break;
      cursor = body['next_cursor'] as string;
    }
    expect(seen.slice(0, expected.length)).toEqual(expected);
  });

  it('holds the exact bytes of a line', async () => {
    const { body } = await call(api, 'GET', '/v1/audit/events?limit=1', { key: api.keys.auditor });
    const [entry] = body['data'] as { index: number; line: string; event: object }[];
    const [row] = await api.db.query<{ line: string; leaf: Buffer }>('SELECT line, leaf FROM log_entries WHERE idx = $1', [
      entry!.index,
    ]);
    expect(entry!.line).toBe(row!.line);
    expect(
      createHash('sha256')
        .update(Buffer.from([0]))
        .update(entry!.line)
        .digest()
        .equals(row!.leaf),
    ).toBe(true);
    expect(entry!.event).toEqual(JSON.parse(row!.line));
  });
});

describe('/log for everybody', () => {
  it('gives the signed head and its tiles as C2SP lays them out, byte for byte, without a key', async () => {
    await api.platform.sequencer.stop(); // so that the log stands still while it is compared
    const log = { origin: api.platform.log.name, verifierKey: api.platform.log.verifierKey };
    await writeTileFiles(api.db, log, join(folder, 'tiles'));
    const checkpoint = await fetch(`${api.url}/log/checkpoint`);
    const note = await checkpoint.text();
    const vkey = await (await fetch(`${api.url}/log/log.vkey`)).text();
    expect(openCheckpoint(note, [vkey], log.origin).size).toBeGreaterThan(100);
    const files = (await readdir(join(folder, 'tiles'), { recursive: true })).filter((name) => /^tile\/\d/.test(name) && !/^tile\/\d+(\/x\d+)*(\/\d+\.p)?$/.test(name)); // prettier-ignore
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const response = await fetch(`${api.url}/log/${file}`);
      expect([file, response.status]).toEqual([file, 200]);
      expect(Buffer.from(await response.arrayBuffer()).equals(await readFile(join(folder, 'tiles', file)))).toBe(true);
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
    await api.platform.sequencer.start();
  });

  it.each(['entries/000', '0/0', '0/000.p/0', '0/000.p/256', '0/000.p/999', '0/x000/000', '00/000', '0/999', '64/000', '0/000/../../secret', ''])(
    'has no tile %s: entries are for their tenant',
    async (path) => {
      const response = await fetch(`${api.url}/log/tile/${path}`);
      expect(response.status).toBe(404);
      expect(response.headers.get('cache-control')).toBe('no-store');
    },
  ); // prettier-ignore
});
