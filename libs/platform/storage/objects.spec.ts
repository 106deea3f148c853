import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { schemaDrift } from '#db';
import { NotFoundError, newId } from '#kernel';
import { ErasedError, KeyStore, SealBrokenError } from '#keys';
import { type TestDatabase, testDatabase } from '#testing';
import { CHUNK, ObjectCorruptError, SEALED_CHUNK } from './chunked-cipher.ts';
import { FilesystemStore } from './object-store.ts';
import { type ObjectRow, storageEntities } from './objects.entities.ts';
import { Objects, type StagedObject } from './objects.ts';

let t: TestDatabase;
let home: string;
let keys: KeyStore;
let objects: Objects;
let subjectId: string;
beforeAll(async () => {
  t = await testDatabase([...storageEntities]);
  home = await mkdtemp(join(tmpdir(), 'assent-objects-'));
  keys = await KeyStore.open(join(home, 'keys'));
  objects = new Objects(t.db, keys, new FilesystemStore(join(home, 'objects')));
});
afterAll(async () => {
  await t.close();
  await rm(home, { recursive: true, force: true });
});
beforeEach(async () => {
  subjectId = newId();
  await keys.createSubjectKey('acme', subjectId);
});

const meta = (kind = 'footage'): { tenantId: string; subjectId: string; kind: string; mediaType: string } => ({
  tenantId: 'acme',
  subjectId,
  kind,
  mediaType: 'video/mp4',
});

async function* inPieces(plain: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < plain.length; at += size) yield plain.subarray(at, at + size);
}

async function store(plain: Uint8Array, pieceSize = 10_000): Promise<StagedObject> {
  const staged = await objects.stage(meta(), inPieces(plain, pieceSize));
  await t.db.tx((tx) => objects.commit(tx, staged));
  return staged;
}

async function read(id: string, range: { start?: number; end?: number } = {}, tenantId = 'acme'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of objects.read(tenantId, id, range)) parts.push(part);
  return Buffer.concat(parts);
}

const fileOf = (staged: { path: string }): string => join(home, 'objects', staged.path);

it('entities and migrations agree', async () => {
  expect(await schemaDrift(t.db)).toEqual([]);
});

describe('reading', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])(
    'gives back %i bytes, their hash and their number',
    async (size) => {
      const plain = randomBytes(size);
      const staged = await store(plain, 9973);
      expect(plain.equals(await objects.readAll('acme', staged.id))).toBe(true);
      expect(staged).toMatchObject({ bytes: size, sha256: createHash('sha256').update(plain).digest('hex') });
      expect(await objects.get('acme', staged.id)).toMatchObject({ bytes: String(size), sha256: staged.sha256, kind: 'footage' });
    },
  );

  it('any range is the same as a slice of the plain bytes', async () => {
    const plain = randomBytes(3 * CHUNK + 100);
    const { id } = await store(plain);
    const near = fc.oneof(
      fc.nat(plain.length + 10),
      fc.integer({ min: -2, max: 2 }).chain((d) => fc.integer({ min: 1, max: 4 }).map((c) => c * CHUNK + d)),
    );
    await fc.assert(
      fc.asyncProperty(near, near, async (start, end) => {
        // Buffer.equals: toEqual compares byte by byte in JavaScript and takes 100 times as long
        expect(plain.subarray(start, end).equals(await read(id, { start, end }))).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect(plain.subarray(2 * CHUNK + 1).equals(await read(id, { start: 2 * CHUNK + 1 }))).toBe(true);
    expect(await read(id, { start: 10 * CHUNK })).toEqual(Buffer.alloc(0));
    await expect(read(id, { start: -1 })).rejects.toThrow(RangeError);
    await expect(read(id, { start: Number.NaN })).rejects.toThrow(RangeError);
  });

  it('a range opens only the chunks that hold it', async () => {
    const plain = randomBytes(4 * CHUNK);
    const staged = await store(plain);
    const bytes = await readFile(fileOf(staged));
    bytes[5]! ^= 1; // damage in the first chunk
    await writeFile(fileOf(staged), bytes);
    expect(await read(staged.id, { start: CHUNK, end: CHUNK + 10 })).toEqual(plain.subarray(CHUNK, CHUNK + 10));
    await expect(read(staged.id, { start: 0, end: 10 })).rejects.toThrow(ObjectCorruptError);
  });

  it('another tenant finds nothing', async () => {
    const { id } = await store(Buffer.from('mine'));
    await expect(read(id, {}, 'globex')).rejects.toThrow(NotFoundError);
  });
});

describe('at rest', () => {
  it('neither the bytes nor their key are readable', async () => {
    const plain = Buffer.alloc(2 * CHUNK, 'a face that must not be seen ');
    const staged = await store(plain);
    const stored = await readFile(fileOf(staged));
    expect(stored.includes('must not be seen')).toBe(false);
    const row = await objects.get('acme', staged.id);
    expect(row.wrapped_key.length).toBe(12 + 32 + 16);
  });

  it('a flipped bit anywhere is refused', async () => {
    const staged = await store(randomBytes(CHUNK + 50));
    const good = await readFile(fileOf(staged));
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(7), async (at, bit) => {
        const bad = Buffer.from(good);
        bad[at]! ^= 1 << bit;
        await writeFile(fileOf(staged), bad);
        await expect(read(staged.id)).rejects.toThrow(ObjectCorruptError);
      }),
      { numRuns: 60 },
    );
  });

  it('swapped chunks are refused', async () => {
    const staged = await store(randomBytes(3 * CHUNK));
    const bytes = await readFile(fileOf(staged));
    const first = Buffer.from(bytes.subarray(0, SEALED_CHUNK));
    bytes.copy(bytes, 0, SEALED_CHUNK, 2 * SEALED_CHUNK);
    first.copy(bytes, SEALED_CHUNK);
    await writeFile(fileOf(staged), bytes);
    await expect(read(staged.id)).rejects.toThrow(ObjectCorruptError);
  });

  it.each([
    ['in the middle of a chunk', 2 * SEALED_CHUNK - 5],
    ['at the border of a chunk', 2 * SEALED_CHUNK],
    ['to nothing', 0],
  ])('an object cut %s is refused', async (_, length) => {
    const staged = await store(randomBytes(2 * CHUNK + 500));
    await truncate(fileOf(staged), length);
    await expect(read(staged.id)).rejects.toThrow(ObjectCorruptError);
  });

  it('an object cut at the border of a chunk is refused even when its row was made to fit', async () => {
    const staged = await store(randomBytes(3 * CHUNK));
    await truncate(fileOf(staged), 2 * SEALED_CHUNK);
    await t.db.query('UPDATE objects SET bytes = $2 WHERE id = $1', [staged.id, 2 * CHUNK]);
    await expect(read(staged.id)).rejects.toThrow(ObjectCorruptError);
  });

  it("one object's bytes under another's row are refused", async () => {
    const [a, b] = [await store(randomBytes(100)), await store(randomBytes(100))];
    await copyFile(fileOf(a), fileOf(b));
    await expect(read(b.id)).rejects.toThrow(ObjectCorruptError);
  });

  it("a row that was moved to another subject, so that it outlives the person's erasure, is refused", async () => {
    const staged = await store(randomBytes(100));
    const thief = newId();
    await keys.createSubjectKey('acme', thief);
    await t.db.query('UPDATE objects SET subject_id = $2 WHERE id = $1', [staged.id, thief]);
    await expect(read(staged.id)).rejects.toThrow(SealBrokenError);
  });

  it('a blob that vanished is said to be missing', async () => {
    const staged = await store(randomBytes(100));
    await rm(fileOf(staged));
    await expect(read(staged.id)).rejects.toThrow(/missing from the store/);
  });
});

describe('two phases', () => {
  it('a staged object has no row, yet can be checked', async () => {
    const staged = await objects.stage(meta(), inPieces(Buffer.from('render'), 3), 'job-1');
    expect(staged.path).toMatch(/^attempt\/job-1\//);
    await expect(objects.get('acme', staged.id)).rejects.toThrow(NotFoundError);
    const parts: Uint8Array[] = [];
    for await (const part of objects.readStaged(staged)) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('render');
  });

  it('the row goes with the transaction that was to make it', async () => {
    const staged = await objects.stage(meta(), inPieces(Buffer.from('render'), 3));
    const failing = t.db.tx(async (tx) => {
      await objects.commit(tx, staged);
      throw new Error('consent was withdrawn');
    });
    await expect(failing).rejects.toThrow('consent was withdrawn');
    await expect(objects.get('acme', staged.id)).rejects.toThrow(NotFoundError);
  });

  it('a stream that breaks leaves neither row nor bytes', async () => {
    const broken = async function* (): AsyncIterable<Uint8Array> {
      yield randomBytes(CHUNK * 2);
      throw new Error('the client went away');
    };
    await expect(objects.stage(meta(), broken(), 'broken')).rejects.toThrow('the client went away');
    const left = (await readdir(join(home, 'objects/attempt'), { recursive: true })).filter((path) => path.startsWith('broken/'));
    expect(left).toEqual([]);
  });

  it('no row is made for bytes that a sweep took away', async () => {
    const staged = await objects.stage(meta(), inPieces(Buffer.from('late'), 4));
    await rm(fileOf(staged));
    await expect(t.db.tx((tx) => objects.commit(tx, staged))).rejects.toThrow(ObjectCorruptError);
    await expect(objects.get('acme', staged.id)).rejects.toThrow(NotFoundError);
  });

  it('an ended job leaves nothing of its attempts but what a row names, and another job’s files stay', async () => {
    const [first, second, published, other] = await Promise.all(
      ['ended-1', 'ended-2', 'ended-2', 'ended-10'].map((attempt) =>
        objects.stage(meta(), inPieces(randomBytes(10), 10), attempt),
      ),
    );
    await t.db.tx((tx) => objects.commit(tx, published!));
    expect((await objects.discardAttempts('ended', 2)).toSorted()).toEqual([first!.path, second!.path].toSorted());
    expect(await objects.readAll('acme', published!.id)).toHaveLength(10);
    expect(await objects.discardAttempts('ended', 2)).toEqual([]);
    expect(await objects.discardAttempts('ended', 10)).toEqual([other!.path]); // a later attempt is not ours to judge before it ends
  });

  it('the sweep takes orphans and half-written files, keeps objects and what may still be in work', async () => {
    const kept = await store(randomBytes(10));
    const orphan = await objects.stage(meta(), inPieces(randomBytes(10), 10), 'lost-job-1');
    await writeFile(`${fileOf(orphan)}x.part`, 'half');
    expect(await objects.sweepOrphans(60_000)).toEqual([]);
    const swept = await objects.sweepOrphans(0);
    expect(swept).toEqual(expect.arrayContaining([orphan.path, `${orphan.path}x.part`]));
    expect(swept).not.toContain(kept.path);
    expect(await read(kept.id)).toHaveLength(10);
  });

  it('an object can be deleted, twice too', async () => {
    const staged = await store(randomBytes(10));
    await objects.delete('globex', staged.id);
    expect(await read(staged.id)).toHaveLength(10);
    await objects.delete('acme', staged.id);
    await objects.delete('acme', staged.id);
    await expect(objects.get('acme', staged.id)).rejects.toThrow(NotFoundError);
    await expect(readFile(fileOf(staged))).rejects.toThrow('ENOENT');
  });
});

describe('erasure', () => {
  it('nothing of the person can be read again, whatever copy of database and objects is restored', async () => {
    const neighbour = subjectId;
    const other = await store(Buffer.from('somebody else'));
    subjectId = newId();
    await keys.createSubjectKey('acme', subjectId);
    const mine = await Promise.all([store(randomBytes(100)), store(randomBytes(CHUNK * 2)), store(Buffer.alloc(0))]);

    // The backup: every row of the table and every stored byte.
    const rows = await t.db.query<ObjectRow>('SELECT * FROM objects WHERE subject_id = $1', [subjectId]);
    const blobs = await Promise.all(mine.map((staged) => readFile(fileOf(staged))));

    await keys.destroySubjectKey('acme', subjectId);
    expect(await objects.deleteSubject('acme', subjectId)).toBe(3);
    expect(await objects.deleteSubject('acme', subjectId)).toBe(0);

    for (const row of rows)
      await t.db.query(`INSERT INTO objects SELECT * FROM json_populate_record(NULL::objects, $1::json)`, [
        JSON.stringify({ ...row, wrapped_key: `\\x${row.wrapped_key.toString('hex')}` }),
      ]);
    for (const [i, staged] of mine.entries()) {
      await new FilesystemStore(join(home, 'objects')).put(staged.path, inPieces(blobs[i]!, 1 << 20));
    }
    for (const staged of mine) {
      expect((await objects.get('acme', staged.id)).sha256).toBe(staged.sha256); // the restore is complete …
      await expect(read(staged.id)).rejects.toMatchObject({ problem: { slug: 'erased', status: 410 } }); // … and useless
    }
    // A new process, and even an attempt to give the subject a key again, change nothing.
    const reopened = new Objects(t.db, await KeyStore.open(join(home, 'keys')), new FilesystemStore(join(home, 'objects')));
    await expect(reopened.readAll('acme', mine[0]!.id)).rejects.toThrow(ErasedError);
    await expect(keys.createSubjectKey('acme', subjectId)).rejects.toThrow(ErasedError);
    await expect(objects.stage(meta(), inPieces(Buffer.from('x'), 1))).rejects.toThrow(ErasedError);
    expect((await read(other.id)).toString()).toBe('somebody else');
    expect(neighbour).not.toBe(subjectId);
  });
});
