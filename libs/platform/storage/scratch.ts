import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Scratch folders: the only place on disk where a person's plaintext may lie, and only while one job runs. A kill -9 leaves one
 * behind; `sweep` at the start of the next process removes it before anything else happens.
 */
export class Scratch {
  constructor(private readonly folder: string) {}

  /** Removes what an earlier process left. Only for the process that owns the folder. */
  async sweep(): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const left = await readdir(this.folder);
    for (const name of left) await rm(join(this.folder, name), { recursive: true, force: true });
    return left.length;
  }

  /** Runs `work` with a folder of its own and removes it whatever happens. */
  async within<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.folder, name.replace(/[^A-Za-z0-9._-]/g, '_'));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
