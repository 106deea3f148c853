import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { syncFolder } from '#keys';
import { ObjectCorruptError } from './chunked-cipher.ts';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Where sealed bytes lie. It never sees a plain byte, so it needs no trust. */
export interface ObjectStore {
  /** Writes the whole stream durably, or throws and leaves nothing readable under `path`. */
  put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Bytes `start` up to and without `end`. */
  get(path: string, start: number, end: number): AsyncIterable<Uint8Array>;
  size(path: string): Promise<number | undefined>;
  /** Idempotent. */
  delete(path: string): Promise<void>;
  /** Everything below the folder `prefix`, half-written things too: the sweep of orphans judges them by their age. */
  list(prefix: string): AsyncIterable<{ path: string; modified: Date }>;
}

/** The path as it lies in the store. @throws RangeError when it would lead out of it. */
export function insideStore(path: string): string {
  const clean = normalize(path);
  if (clean === '.' || clean.startsWith('..') || clean.startsWith('/')) throw new RangeError(`"${path}" leaves the store`);
  return clean;
}

/** The embedded driver: files below one folder. */
export class FilesystemStore implements ObjectStore {
  constructor(private readonly folder: string) {}

  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const target = this.#inside(path);
    const temporary = `${target}.part`; // the orphan sweep takes it after a crash: no row names it
    const handle = await createInFolder(temporary);
    try {
      try {
        for await (const chunk of bytes) await handle.writeFile(chunk);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dirname(target));
  }

  async *get(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
    if (end <= start) return;
    try {
      for await (const chunk of createReadStream(this.#inside(path), { start, end: end - 1 })) yield chunk as Buffer;
    } catch (cause) {
      if (isMissing(cause)) throw new ObjectCorruptError('The bytes of an object are missing from the store.', {}, { cause });
      throw cause;
    }
  }

  async size(path: string): Promise<number | undefined> {
    try {
      return (await stat(this.#inside(path))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(path: string): Promise<void> {
    const target = this.#inside(path);
    await rm(target, { force: true });
    try {
      await rmdir(dirname(target)); // the folder goes with its last object
    } catch (error) {
      if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    }
  }

  async *list(prefix: string): AsyncIterable<{ path: string; modified: Date }> {
    const folder = this.#inside(prefix);
    let entries;
    try {
      entries = await readdir(folder, { withFileTypes: true, recursive: true });
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const full = join(entry.parentPath, entry.name);
      try {
        yield { path: relative(this.folder, full), modified: (await stat(full)).mtime };
      } catch (error) {
        if (!isMissing(error)) throw error; // deleted since we listed the folder
      }
    }
  }

  #inside(path: string): string {
    return join(this.folder, insideStore(path));
  }
}

/** Every new folder's entry is synced in its parent: a durable file in a folder that a power cut forgets is lost all the same. */
async function makeFolderDurably(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function createInFolder(path: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    await makeFolderDurably(dirname(path));
    try {
      return await open(path, 'w', 0o600);
    } catch (error) {
      if (!isMissing(error) || attempt === 5) throw error; // a delete may have taken the empty folder away again
    }
  }
}
