import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '#kernel';
import { startS3Server } from '#testing';
import { ObjectCorruptError } from './chunked-cipher.ts';
import { FilesystemStore, type ObjectStore } from './object-store.ts';
import { checkStore, openStore } from './open-store.ts';
import { PART, type S3Options, S3Store, StorageUnavailableError } from './s3-store.ts';

/** What every driver must do, against a folder and against a real S3 server. */
interface Opened {
  readonly store: ObjectStore;
  close(): Promise<void>;
}

async function openFolder(): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 'assent-store-'));
  return { store: new FilesystemStore(folder), close: () => rm(folder, { recursive: true, force: true }) };
}

// At collection, so that the suite is skipped (with a printed reason) and not failed where no S3 server can be had.
const s3 = await startS3Server();
afterAll(() => s3?.stop());
const options = (bucket: string): S3Options => ({
  endpoint: s3!.url,
  bucket,
  accessKey: s3!.accessKey,
  secretKey: s3!.secretKey,
  region: s3!.region,
  pathStyle: true,
});

async function openBucket(): Promise<Opened> {
  await s3!.makeBucket('contract');
  return { store: new S3Store(options('contract')), close: () => Promise.resolve() };
}

const DRIVERS: [name: string, open: () => Promise<Opened>][] = [
  ['filesystem', openFolder],
  ...(s3 ? [[`S3 (${s3.name})`, openBucket] as [string, () => Promise<Opened>]] : []),
];

async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function paths(store: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of store.list(prefix)) found.push(path);
  return found.toSorted();
}

describe.each(DRIVERS)('%s', (_, open) => {
  let opened: Opened;
  let store: ObjectStore;
  beforeAll(async () => {
    opened = await open();
    store = opened.store;
  });
  afterAll(() => opened.close());

  it('keeps what it was given and reads any part of it', async () => {
    await store.put('attempt/1/a', pieces('hello ', 'world'));
    expect(await store.size('attempt/1/a')).toBe(11);
    expect(await text(store.get('attempt/1/a', 0, 11))).toBe('hello world');
    expect(await text(store.get('attempt/1/a', 6, 9))).toBe('wor');
    expect(await text(store.get('attempt/1/a', 6, 99))).toBe('world');
    expect(await text(store.get('attempt/1/a', 4, 4))).toBe('');
    expect(await text(store.get('attempt/1/a', 11, 20))).toBe('');
    await store.put('attempt/1/empty', pieces());
    expect(await store.size('attempt/1/empty')).toBe(0);
  });

  it('keeps large things byte for byte, whatever the pieces they come in', async () => {
    const bytes = randomBytes(2 * PART + 12_345);
    const cut = async function* (): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1_000_003) yield bytes.subarray(at, at + 1_000_003);
    };
    await store.put('attempt/1/large', cut());
    expect(await store.size('attempt/1/large')).toBe(bytes.length);
    const hash = createHash('sha256');
    for await (const part of store.get('attempt/1/large', 0, bytes.length)) hash.update(part);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    const middle: Uint8Array[] = [];
    for await (const part of store.get('attempt/1/large', PART - 7, PART + 7)) middle.push(part);
    expect(Buffer.concat(middle)).toEqual(bytes.subarray(PART - 7, PART + 7));
    await store.delete('attempt/1/large');
  });

  it('leaves nothing of a long stream that breaks', async () => {
    const broken = async function* (): AsyncIterable<Uint8Array> {
      for (let i = 0; i < 3; i++) yield Buffer.alloc(PART, i);
      throw new Error('the client went away');
    };
    await expect(store.put('attempt/4/long', broken())).rejects.toThrow('the client went away');
    expect(await store.size('attempt/4/long')).toBeUndefined();
    expect(await paths(store, 'attempt/4')).toEqual([]);
  });

  it('stops reading when nobody listens any more', async () => {
    await store.put('attempt/1/long', pieces(...Array(64).fill('x'.repeat(100_000))));
    for await (const part of store.get('attempt/1/long', 0, 6_400_000)) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    expect(await text(store.get('attempt/1/long', 0, 3))).toBe('xxx');
  });

  it('replaces what lay there', async () => {
    await store.put('attempt/5/a', pieces('first'));
    await store.put('attempt/5/a', pieces('second one'));
    expect(await text(store.get('attempt/5/a', 0, 99))).toBe('second one');
  });

  it('lists more than a page, each once, and only below its folder', async () => {
    const names = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let at = 0; at < names.length; at += 67)
      await Promise.all(names.slice(at, at + 67).map((name) => store.put(name, pieces('x'))));
    await store.put('many-more/x', pieces('x'));
    expect(await paths(store, 'many')).toEqual(names);
    for await (const { modified } of store.list('many-more'))
      expect(Math.abs(Date.now() - modified.getTime())).toBeLessThan(60_000);
  });

  it('passes its own check', () => expect(checkStore(store)).resolves.toBeUndefined());

  it('leaves nothing of a stream that breaks', async () => {
    const broken = async function* (): AsyncIterable<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the client went away');
    };
    await expect(store.put('attempt/2/b', broken())).rejects.toThrow('the client went away');
    expect(await store.size('attempt/2/b')).toBeUndefined();
    expect(await paths(store, 'attempt/2')).toEqual([]);
  });

  it('deletes, twice too, and lists what is there', async () => {
    await store.put('attempt/3/a', pieces('a'));
    await store.put('attempt/3/b', pieces('b'));
    await store.delete('attempt/3/a');
    await store.delete('attempt/3/a');
    expect(await paths(store, 'attempt/3')).toEqual(['attempt/3/b']);
    await store.delete('attempt/3/b');
    expect(await paths(store, 'attempt/3')).toEqual([]);
    expect(await paths(store, 'nowhere')).toEqual([]);
  });

  it('writes and deletes in one folder at the same time', async () => {
    const turn = async (n: number): Promise<void> => {
      await store.put(`attempt/busy/${n}`, pieces('x'));
      await store.delete(`attempt/busy/${n}`);
    };
    for (let round = 0; round < 20; round++) await Promise.all([turn(1), turn(2), turn(3)]);
    expect(await paths(store, 'attempt/busy')).toEqual([]);
  });

  it('says that bytes are missing', async () => {
    await expect(text(store.get('attempt/9/none', 0, 1))).rejects.toThrow(ObjectCorruptError);
  });

  it.each(['../out', 'a/../../out', '/etc/passwd', '..', '.'])('keeps %j inside', async (path) => {
    await expect(store.put(path, pieces('x'))).rejects.toThrow(RangeError);
    await expect(store.delete(path)).rejects.toThrow(RangeError);
  });
});

it('the filesystem driver tells the time of the last write', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-store-'));
  try {
    const store = new FilesystemStore(folder);
    await store.put('attempt/1/a', pieces('a'));
    const then = new Date('2026-01-02T03:04:05Z');
    await utimes(join(folder, 'attempt/1/a'), then, then);
    for await (const entry of store.list('attempt')) expect(entry).toEqual({ path: 'attempt/1/a', modified: then });
    expect(await readdir(join(folder, 'attempt/1'))).toEqual(['a']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe.skipIf(!s3)('the S3 driver', () => {
  const settings = (more: Record<string, string> = {}) =>
    loadConfig({
      S3_ENDPOINT: s3!.url,
      S3_BUCKET: 'settings',
      S3_ACCESS_KEY: s3!.accessKey,
      S3_SECRET_KEY: s3!.secretKey,
      ...more,
    });

  it('is chosen by S3_ENDPOINT, and refuses a bucket that is not there before any work', async () => {
    await expect(openStore(settings())).rejects.toThrow(StorageUnavailableError);
    await s3!.makeBucket('settings');
    const store = await openStore(settings());
    await checkStore(store);
    expect(store).toBeInstanceOf(S3Store);
  });

  // moto takes any signature
  it.skipIf(s3?.name.startsWith('moto'))('says which key is wrong as a refusal without the key', async () => {
    const refused = await openStore(settings({ S3_SECRET_KEY: 'not-the-secret' })).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StorageUnavailableError);
    expect((refused as Error).message).not.toContain('not-the-secret');
  });

  it('shows an upload that a crash cut off to the sweep, and deletes it', async () => {
    const store = new S3Store(options('contract'));
    const never = new Promise<void>(() => undefined);
    let reached: () => void = () => undefined;
    const half = new Promise<void>((done) => (reached = done));
    const cut = async function* (): AsyncIterable<Uint8Array> {
      for (let i = 0; i < 2; i++) yield Buffer.alloc(PART, i);
      reached(); // the first part is in the store
      await never; // kill -9 would come here
    };
    void store.put('attempt/7/cut', cut());
    await half;
    expect(await paths(store, 'attempt/7')).toEqual(['attempt/7/cut']);
    expect(await store.size('attempt/7/cut')).toBeUndefined();
    await store.delete('attempt/7/cut');
    expect(await paths(store, 'attempt/7')).toEqual([]);
  });
});

describe('an S3 address that does not do what it should', () => {
  const strange = (answer: Parameters<typeof createServer>[1]) =>
    new Promise<{ url: string; asked: () => number; close: () => void }>((done) => {
      let asked = 0;
      const server = createServer((request, response) => {
        asked++;
        answer!(request, response as never);
      }).listen(0, '127.0.0.1', () =>
        done({
          url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
          asked: () => asked,
          close: () => server.close().closeAllConnections(),
        }),
      );
    });
  const at = (endpoint: string, timeoutMs = 5000) =>
    new S3Store({ endpoint, bucket: 'b-1', accessKey: 'a', secretKey: 's', region: 'us-east-1', pathStyle: true, timeoutMs });

  it.each([301, 302, 307, 308])(
    'a redirect (%d) is not followed: a signed request goes to the configured address or nowhere',
    async (status) => {
      const elsewhere = await strange((_, response) => response.writeHead(200).end());
      const redirecting = await strange((_, response) =>
        response.writeHead(status, { location: `${elsewhere.url}/b-1/attempt/1/a` }).end(),
      );
      const store = at(redirecting.url);
      await expect(text(store.get('attempt/1/a', 0, 4))).rejects.toThrow(StorageUnavailableError);
      await expect(store.put('attempt/1/a', pieces('x'))).rejects.toThrow(StorageUnavailableError);
      await expect(store.size('attempt/1/a')).rejects.toThrow(StorageUnavailableError);
      expect(elsewhere.asked()).toBe(0);
      elsewhere.close();
      redirecting.close();
    },
  );

  it('silence ends after the time limit', async () => {
    const silent = await strange(() => undefined);
    await expect(at(silent.url, 50).size('attempt/1/a')).rejects.toMatchObject({ members: { code: 'ETIMEDOUT' } });
    silent.close();
  });

  it('a fault that passes is tried again; one that stays is a 503', async () => {
    let faults = 2;
    const limping = await strange((_, response) =>
      faults-- > 0
        ? response.writeHead(503).end()
        : response.writeHead(200, { 'content-length': '5', etag: '"e"', 'last-modified': new Date().toUTCString() }).end(),
    );
    expect(await at(limping.url).size('attempt/1/a')).toBe(5);
    faults = 99;
    await expect(at(limping.url).size('attempt/1/a')).rejects.toMatchObject({
      problem: { status: 503 },
      members: { code: '503' },
    });
    limping.close();
  });

  it('an answer that is cut off is no object', async () => {
    const cutting = await strange((_, response) => {
      response.writeHead(206, { 'content-length': '1000', 'content-range': 'bytes 0-999/1000' }).write('half');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(text(at(cutting.url).get('attempt/1/a', 0, 1000))).rejects.toThrow(StorageUnavailableError);
    cutting.close();
  });
});
