import { mkdir, readdir, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { processStart } from '#kernel';

/** A folder of another machine that shares the disk counts as abandoned when nobody touched it for this long. */
const ABANDONED_MS = 10 * 60_000;
const TOUCH_MS = 60_000;

/**
 * Scratch folders: the only place on disk where a person's plaintext may lie, and only while one job runs. A kill -9 leaves one
 * behind; `sweep` at the start of the next process removes it before anything else happens.
 *
 *     scratch/<host>~<pid>~<start>/<job>-<epoch>/…
 *
 * Several processes share the folder, so a sweep must know whose a folder is: a process id alone is not enough, ids are used again.
 */
export class Scratch {
  readonly #own: string;

  constructor(private readonly folder: string) {
    this.#own = `${hostname()}~${process.pid}~${processStart(process.pid) ?? 'unknown'}`;
  }

  /** Removes what dead processes left, and what this one did. Jobs of living ones are not touched. Returns how many folders went. */
  sweep(): Promise<number> {
    return this.#remove((name) => name === this.#own);
  }

  /** Removes what dead processes left while this one works on: nobody may start for a long time after a kill. */
  sweepDead(): Promise<number> {
    return this.#remove(() => false);
  }

  async #remove(also: (name: string) => boolean): Promise<number> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    let removed = 0;
    for (const name of await readdir(this.folder)) {
      if (!also(name) && (await this.#isAlive(name))) continue;
      await rm(join(this.folder, name), { recursive: true, force: true });
      removed++;
    }
    return removed;
  }

  /** Runs `work` with a folder of its own and removes it whatever happens. */
  async within<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
    const owner = join(this.folder, this.#own);
    const folder = join(owner, name.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+$/, '_'));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const touch = setInterval(() => {
      // Missing: somebody swept us. The work fails by itself when it next opens a file.
      utimes(owner, new Date(), new Date()).catch(ignoreMissing);
    }, TOUCH_MS);
    touch.unref();
    try {
      return await work(folder);
    } finally {
      clearInterval(touch);
      await rm(folder, { recursive: true, force: true });
      await rmdir(owner).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') ignoreMissing(error); // another job of ours still runs
      });
    }
  }

  async #isAlive(name: string): Promise<boolean> {
    const [host, pid, start] = name.split('~');
    if (host === hostname()) return start !== undefined && processStart(Number(pid)) === start;
    if (start === undefined) return false; // not a folder of ours
    try {
      return Date.now() - (await stat(join(this.folder, name))).mtimeMs < ABANDONED_MS;
    } catch (error) {
      ignoreMissing(error);
      return false;
    }
  }
}

function ignoreMissing(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
}
