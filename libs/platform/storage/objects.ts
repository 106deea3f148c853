import { createHash } from 'node:crypto';
import { type Db, rows } from '#db';
import { type Tx, NotFoundError, newId } from '#kernel';
import type { KeyStore } from '#keys';
import { CHUNK, ObjectCorruptError, SEALED_CHUNK, chunkCount, openChunk, sealChunk, sealedSize } from './chunked-cipher.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectRow } from './objects.entities.ts';
import { regroup } from './regroup.ts';
import { Segments } from './segments.ts';

export interface ObjectMeta {
  readonly tenantId: string;
  readonly subjectId: string;
  /** `consent-clip`, `footage`, `replica`, `drive-track`, `render`, … */
  readonly kind: string;
  readonly mediaType: string;
}

/** Sealed bytes that lie in the store but that no row names yet. */
export interface StagedObject extends ObjectMeta {
  readonly id: string;
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly wrappedKey: Buffer;
}

const VERSION = 1;

/**
 * A person's objects at rest: AES-256-GCM in chunks under a random object key, wrapped by the subject's key.
 *
 * Crash order: the blob is durable before its row is committed; a blob without a row is an orphan that `sweepOrphans` removes; a row
 * without a blob cannot exist. A worker that lost its lease may leave orphans under its attempt, never a row.
 */
export class Objects {
  /** Uploads that are still arriving, in the same store and under the same subjects' keys. */
  readonly segments: Segments;

  constructor(
    private readonly db: Db,
    private readonly keys: KeyStore,
    private readonly store: ObjectStore,
  ) {
    this.segments = new Segments(db, keys, store);
  }

  /** Encrypts as it arrives. `attempt` names the lease epoch whose output this is. */
  async stage(meta: ObjectMeta, plain: AsyncIterable<Uint8Array>, attempt = 'direct'): Promise<StagedObject> {
    const id = newId();
    const { key, wrapped } = await this.keys.newObjectKey(meta.tenantId, meta.subjectId, id);
    const path = `attempt/${attempt}/${id}`;
    const hash = createHash('sha256');
    const count = { bytes: 0 };
    try {
      await this.store.put(path, sealStream(key, { ...meta, objectId: id, version: VERSION }, plain, hash, count));
    } finally {
      key.fill(0);
    }
    return { ...meta, id, path, sha256: hash.digest('hex'), bytes: count.bytes, wrappedKey: wrapped };
  }

  /**
   * The row that makes the object exist, in the caller's transaction: this one insert promotes the attempt's blob.
   * @throws ObjectCorruptError when the blob is gone, so that no row without a blob is made.
   */
  async commit(tx: Tx, staged: StagedObject): Promise<string> {
    if ((await this.store.size(staged.path)) !== sealedSize(staged.bytes))
      throw new ObjectCorruptError('The bytes of a new object are gone from the store. Upload or run it again.');
    await rows(
      tx,
      `INSERT INTO objects (id, tenant_id, subject_id, kind, media_type, sha256, bytes, version, wrapped_key, path)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        staged.id,
        staged.tenantId,
        staged.subjectId,
        staged.kind,
        staged.mediaType,
        staged.sha256,
        staged.bytes,
        VERSION,
        staged.wrappedKey,
        staged.path,
      ],
    );
    return staged.id;
  }

  async get(tenantId: string, id: string): Promise<ObjectRow> {
    const [row] = await this.db.query<ObjectRow>('SELECT * FROM objects WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no object with this id.');
    return row;
  }

  /**
   * Plain bytes from `start` up to and without `end`; only the chunks that hold them are read and opened.
   * @throws ErasedError when the subject's key is gone; ObjectCorruptError when the bytes were changed.
   */
  async *read(tenantId: string, id: string, range: { start?: number; end?: number } = {}): AsyncIterable<Uint8Array> {
    const row = await this.get(tenantId, id);
    yield* this.#read(
      {
        id,
        tenantId,
        subjectId: row.subject_id,
        path: row.path,
        bytes: Number(row.bytes),
        wrappedKey: row.wrapped_key,
        version: row.version,
      },
      range,
    );
  }

  /** The bytes as they lie in the store, before any row names them: what a self-check must look at. */
  readStaged(staged: StagedObject): AsyncIterable<Uint8Array> {
    return this.#read({ ...staged, version: VERSION }, {});
  }

  async *#read(
    object: Pick<StagedObject, 'id' | 'tenantId' | 'subjectId' | 'path' | 'bytes' | 'wrappedKey'> & { version: number },
    range: { start?: number; end?: number },
  ): AsyncIterable<Uint8Array> {
    const { id, tenantId, subjectId, bytes } = object;
    const start = range.start ?? 0;
    const end = Math.min(bytes, range.end ?? bytes);
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0) throw new RangeError('not a range of bytes');
    const key = await this.keys.openObjectKey(tenantId, subjectId, id, object.wrappedKey);
    const identity = { tenantId, subjectId, objectId: id, version: object.version };
    try {
      if (start >= end && bytes > 0) return; // nothing asked; an empty object still opens its one chunk
      const last = chunkCount(bytes) - 1;
      const from = Math.floor(start / CHUNK);
      const to = Math.min(last, Math.floor(Math.max(start, end - 1) / CHUNK));
      let index = from;
      for await (const sealed of regroup(
        this.store.get(object.path, from * SEALED_CHUNK, (to + 1) * SEALED_CHUNK),
        SEALED_CHUNK,
      )) {
        const plain = openChunk(key, identity, index, index === last, sealed);
        yield plain.subarray(Math.max(0, start - index * CHUNK), Math.max(0, Math.min(plain.length, end - index * CHUNK)));
        index++;
      }
      if (index !== to + 1) throw new ObjectCorruptError('An object was cut off.');
    } finally {
      key.fill(0);
    }
  }

  async readAll(tenantId: string, id: string): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.read(tenantId, id)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** Removes one object. Idempotent. Blob first, for the reason given at `deleteSubject`. */
  async delete(tenantId: string, id: string): Promise<void> {
    const where = 'WHERE tenant_id = $1 AND id = $2';
    const [row] = await this.db.query<ObjectRow>(`SELECT path FROM objects ${where}`, [tenantId, id]);
    if (!row) return;
    await this.store.delete(row.path);
    await this.db.tx((tx) => rows(tx, `DELETE FROM objects ${where}`, [tenantId, id]));
  }

  /** Removes a subject's rows and blobs. Without its key they were unreadable already; this gives the space back. */
  async deleteSubject(tenantId: string, subjectId: string): Promise<number> {
    const found = await this.db.query<ObjectRow>('SELECT * FROM objects WHERE tenant_id = $1 AND subject_id = $2', [
      tenantId,
      subjectId,
    ]);
    // Blob first: a crash in between leaves a row whose blob is gone, and the next call finishes. The other order would leak the blob.
    // Only the rows we saw: one that is committed meanwhile keeps its blob until the next call.
    for (const row of found) await this.store.delete(row.path);
    const ids = found.map((row) => row.id);
    await this.db.tx((tx) => rows(tx, 'DELETE FROM objects WHERE tenant_id = $1 AND id = ANY($2)', [tenantId, ids]));
    await this.segments.removeSubject(tenantId, subjectId);
    return found.length;
  }

  /**
   * Removes what a job's attempts up to `epoch` left and no row names. Only for a lease that has ended or was lost: the fence lets
   * nobody of those epochs commit any more. Returns the paths that went.
   */
  async discardAttempts(jobId: string, epoch: number): Promise<string[]> {
    const found: string[] = [];
    for (let attempt = 1; attempt <= epoch; attempt++)
      for await (const { path } of this.store.list(`attempt/${jobId}-${attempt}`)) found.push(path);
    return this.#removeUnnamed(found);
  }

  /** Deletes blobs that no row names and that are older than any job could still be writing or about to commit. */
  async sweepOrphans(olderThanMs: number): Promise<string[]> {
    const removed: string[] = [];
    const judge = async (paths: string[]): Promise<void> => void removed.push(...(await this.#removeUnnamed(paths)));
    let batch: string[] = [];
    for await (const { path, modified } of this.store.list('attempt')) {
      if (Date.now() - modified.getTime() < olderThanMs) continue;
      batch.push(path);
      if (batch.length === 500) {
        await judge(batch);
        batch = [];
      }
    }
    await judge(batch);
    return removed;
  }

  async #removeUnnamed(paths: string[]): Promise<string[]> {
    if (paths.length === 0) return [];
    const known = await this.db.query<{ path: string }>('SELECT path FROM objects WHERE path = ANY($1)', [paths]);
    const named = new Set(known.map((row) => row.path));
    const orphans = paths.filter((path) => !named.has(path));
    for (const path of orphans) await this.store.delete(path);
    return orphans;
  }
}

async function* sealStream(
  key: Buffer,
  identity: Parameters<typeof sealChunk>[1],
  plain: AsyncIterable<Uint8Array>,
  hash: { update(b: Uint8Array): unknown },
  count: { bytes: number },
): AsyncIterable<Uint8Array> {
  let index = 0;
  let held: Buffer | undefined;
  // One chunk is held back, because only the end of the stream tells which chunk is the last.
  for await (const chunk of regroup(plain, CHUNK)) {
    hash.update(chunk);
    count.bytes += chunk.length;
    if (held) yield sealChunk(key, identity, index++, false, held);
    held = chunk;
  }
  yield sealChunk(key, identity, index, true, held ?? Buffer.alloc(0));
}
