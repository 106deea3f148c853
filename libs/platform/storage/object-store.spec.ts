import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ObjectCorruptError } from './chunked-cipher.ts';
import { FilesystemStore, type ObjectStore } from './object-store.ts';

/** What every driver must do; S3 joins this list when it comes. */
const DRIVERS: [name: string, open: (folder: string) => ObjectStore][] = [
  ['filesystem', (folder) => new FilesystemStore(folder)],
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
  let folder: string;
  let store: ObjectStore;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assent-store-'));
    store = open(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('keeps what it was given and reads any part of it', async () => {
    await store.put('attempt/1/a', pieces('hello ', 'world'));
    expect(await store.size('attempt/1/a')).toBe(11);
    expect(await text(store.get('attempt/1/a', 0, 11))).toBe('hello world');
    expect(await text(store.get('attempt/1/a', 6, 9))).toBe('wor');
    expect(await text(store.get('attempt/1/a', 6, 99))).toBe('world');
    expect(await text(store.get('attempt/1/a', 4, 4))).toBe('');
  });

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
