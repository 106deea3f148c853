import { existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync, fsyncSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The last checkpoint, in a file outside the database and its backups. A database that was rolled back is behind it, and the
 * sequencer then refuses to start: no signature can tell a restored log from a live one, only somebody who remembers can.
 */
export class HeadFile {
  constructor(private readonly path: string) {}

  read(): string | undefined {
    return existsSync(this.path) ? readFileSync(this.path, 'utf8') : undefined;
  }

  /** Compare-and-swap: refuses when another sequencer moved the head in between. */
  swap(expected: string | undefined, next: string): boolean {
    if (this.read() !== expected) return false;
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const temporary = `${this.path}.tmp`;
    const file = openSync(temporary, 'w', 0o600);
    writeSync(file, next);
    fsyncSync(file);
    closeSync(file);
    renameSync(temporary, this.path);
    return true;
  }
}
