import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { syncFolder } from '#keys';

/** Where sealed bytes lie. It never sees a plain byte, so it needs no trust. */
export interface ObjectStore {
  /** Writes the whole stream durably, or throws and leaves nothing readable under `path`. */
  put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Bytes `start` up to and without `end`. */
  get(path: string, start: number, end: number): AsyncIterable<Uint8Array>;
  size(path: string): Promise<number | undefined>;
  /** Idempotent. */
  delete(path: string): Promise<void>;
  list(prefix: string): AsyncIterable<{ path: string; modified: Date }>;
}

/** The embedded driver: files below one folder. */
export class FilesystemStore implements ObjectStore {
  constructor(private readonly folder: string) {}

  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const target = this.#inside(path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const temporary = `${target}.part`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      for await (const chunk of bytes) await handle.writeFile(chunk);
      await handle.sync();
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await handle.close();
    await rename(temporary, target);
    await syncFolder(dirname(target));
  }

  async *get(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
    if (end <= start) return;
    for await (const chunk of createReadStream(this.#inside(path), { start, end: end - 1 })) yield chunk as Buffer;
  }

  async size(path: string): Promise<number | undefined> {
    try {
      return (await stat(this.#inside(path))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async delete(path: string): Promise<void> {
    await rm(this.#inside(path), { force: true });
  }

  async *list(prefix: string): AsyncIterable<{ path: string; modified: Date }> {
    const folder = this.#inside(prefix);
    let entries;
    try {
      entries = await readdir(folder, { withFileTypes: true, recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const full = join(entry.parentPath, entry.name);
      yield { path: full.slice(this.folder.length + 1), modified: (await stat(full)).mtime };
    }
  }

  #inside(path: string): string {
    const clean = normalize(path);
    if (clean.startsWith('..') || clean.startsWith('/')) throw new RangeError(`"${path}" leaves the store`);
    return join(this.folder, clean);
  }
}
