import { Readable } from 'node:stream';
import { type Db, rows } from '#db';
import { type Tx, newId } from '#kernel';
import { type KeyStore, seal, unseal } from '#keys';
import { ObjectCorruptError } from './chunked-cipher.ts';
import type { ObjectStore } from './object-store.ts';
import type { SegmentRow } from './objects.entities.ts';

/** Whose bytes arrive, and for which upload. Bound into every piece. */
export interface SegmentScope {
  readonly tenantId: string;
  readonly subjectId: string;
  readonly uploadId: string;
}

/** A piece that is durable in the store but that no row names yet: it does not count, and the next sweep may take it. */
export interface StagedSegment {
  readonly start: number;
  readonly bytes: number;
  readonly path: string;
}

const folderOf = (uploadId: string): string => `incoming/${uploadId}`;
const contextOf = ({ tenantId, subjectId, uploadId }: SegmentScope, start: number, bytes: number): string =>
  `segment|${tenantId}|${subjectId}|${uploadId}|${start}|${bytes}`;

/**
 * An upload on its way in: each piece is sealed in memory (AES-256-GCM, random nonce) under the upload's own key, which is wrapped by
 * the subject's, and only then written. No plain byte reaches a disk.
 *
 * Crash order: blob, then row with the upload's new offset in one transaction. A blob without a row is of a writer that died or lost
 * against another; every piece has a name of its own, so two writers of one offset never write over each other, and the primary key
 * (upload, start) lets one row stand.
 */
export class Segments {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyStore,
    private readonly store: ObjectStore,
  ) {}

  /** The wrapped key of a new upload. @throws ErasedError when the subject has no key any more. */
  async newKey({ tenantId, subjectId, uploadId }: SegmentScope): Promise<Buffer> {
    const { key, wrapped } = await this.keys.newObjectKey(tenantId, subjectId, uploadId);
    key.fill(0);
    return wrapped;
  }

  /** Seals and stores one piece durably. It counts once `commit` has run. @throws ErasedError */
  async stage(scope: SegmentScope, wrappedKey: Uint8Array, start: number, plain: Uint8Array): Promise<StagedSegment> {
    const path = `${folderOf(scope.uploadId)}/${newId()}`;
    const sealed = await this.#withKey(scope, wrappedKey, (key) => seal(key, plain, contextOf(scope, start, plain.length)));
    await this.store.put(path, Readable.from([sealed]));
    return { start, bytes: plain.length, path };
  }

  /** In the transaction that moves the upload's offset. */
  async commit(tx: Tx, scope: SegmentScope, staged: StagedSegment): Promise<void> {
    await rows(
      tx,
      `INSERT INTO object_segments (upload_id, tenant_id, subject_id, start_byte, bytes, path) VALUES ($1, $2, $3, $4, $5, $6)`,
      [scope.uploadId, scope.tenantId, scope.subjectId, staged.start, staged.bytes, staged.path],
    );
  }

  /** Takes back a piece that lost against another writer. */
  discard(staged: StagedSegment): Promise<void> {
    return this.store.delete(staged.path);
  }

  /** Plain bytes in order. @throws ObjectCorruptError for a gap, a lost blob or a changed byte; ErasedError. */
  async *read(scope: SegmentScope, wrappedKey: Uint8Array): AsyncIterable<Uint8Array> {
    const found = await this.db.query<SegmentRow>(
      'SELECT * FROM object_segments WHERE tenant_id = $1 AND upload_id = $2 ORDER BY start_byte',
      [scope.tenantId, scope.uploadId],
    );
    let next = 0;
    for (const segment of found) {
      const start = Number(segment.start_byte);
      if (start !== next) throw new ObjectCorruptError('A piece of an upload is missing.');
      next = start + segment.bytes;
      const size = (await this.store.size(segment.path)) ?? 0;
      const parts: Uint8Array[] = [];
      for await (const part of this.store.get(segment.path, 0, size)) parts.push(part);
      const context = contextOf(scope, start, segment.bytes);
      try {
        yield await this.#withKey(scope, wrappedKey, (key) => unseal(key, Buffer.concat(parts), context));
      } catch (cause) {
        if ((cause as Error).name !== 'SealBrokenError') throw cause;
        throw new ObjectCorruptError(`The piece of an upload at byte ${start} does not open.`, {}, { cause });
      }
    }
  }

  /** Removes everything of an upload, also pieces that no row names. Blobs first, as everywhere: a crash in between is finished later. */
  async remove(tenantId: string, uploadId: string): Promise<void> {
    for await (const { path } of this.store.list(folderOf(uploadId))) await this.store.delete(path);
    await this.db.tx((tx) =>
      rows(tx, 'DELETE FROM object_segments WHERE tenant_id = $1 AND upload_id = $2', [tenantId, uploadId]),
    );
  }

  /** Part of an erasure: pieces of uploads that never ended. Without the subject's key they were unreadable already. */
  async removeSubject(tenantId: string, subjectId: string): Promise<void> {
    const found = await this.db.query<{ upload_id: string }>(
      'SELECT DISTINCT upload_id FROM object_segments WHERE tenant_id = $1 AND subject_id = $2',
      [tenantId, subjectId],
    );
    for (const { upload_id: uploadId } of found) await this.remove(tenantId, uploadId);
  }

  async #withKey<T>(scope: SegmentScope, wrappedKey: Uint8Array, use: (key: Buffer) => T): Promise<T> {
    const key = await this.keys.openObjectKey(scope.tenantId, scope.subjectId, scope.uploadId, wrappedKey);
    try {
      return use(key);
    } finally {
      key.fill(0);
    }
  }
}
