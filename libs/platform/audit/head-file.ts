import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The last checkpoint, in a file outside the database and its backups. A database that was rolled back is behind it, and the
 * sequencer then refuses to start: no signature can tell a restored log from a live one, only somebody who remembers can.
 */
export class HeadFile {
  constructor(private readonly path: string) {}

  read(): string | undefined {
    try {
      return readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * Compare-and-swap: false when another sequencer moved the head in between. Durable before it returns: content, name and folder.
   *
   * Between read and rename another process may still move the head. Then it stands back for one batch at most: the leader, whose
   * next swap finds a head that is not its own, checks it against the tree and moves it up again.
   */
  swap(expected: string | undefined, next: string): boolean {
    if (this.read() !== expected) return false;
    const folder = dirname(this.path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // A name of our own: two processes must not write into one file.
    const temporary = `${this.path}.${process.pid}.tmp`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSync(file, next);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, this.path);
    const directory = openSync(folder, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    return true;
  }
}
