import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { DomainError } from './domain-error.ts';
import { processStart } from './process-identity.ts';

/** Another living process works on this folder. */
export class FolderInUseError extends DomainError {
  override readonly problem = { slug: 'home-in-use', status: 409, title: 'Another process uses this folder' } as const;
}

const BEAT_MS = 20_000;
/** On another machine a process cannot be asked whether it lives: its lock is dead when nobody touched it for this long. */
const ABANDONED_MS = 3 * BEAT_MS;

export interface ProcessLock {
  /** Whether a dead process left this lock behind: what it started may still run. */
  readonly inherited: boolean;
  release(): void;
}

/**
 * One owner per file, among processes of this machine and of others that share the disk. A kill -9 leaves the file; the next taker
 * sees that its owner is dead.
 *
 * @throws FolderInUseError naming the owner's process
 */
export function takeLock(path: string): ProcessLock {
  const own = `${hostname()}~${process.pid}~${processStart(process.pid) ?? 'unknown'}`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, own, { mode: 0o600 });
  let inherited = false;
  try {
    for (;;) {
      try {
        linkSync(mine, path); // whole and exclusive in one step, unlike open + write
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      inherited = clearIfDead(path, mine) || inherited;
    }
  } finally {
    rmSync(mine, { force: true });
  }
  const beat = setInterval(() => touch(path), BEAT_MS);
  beat.unref();
  return {
    inherited,
    release() {
      clearInterval(beat);
      if (ownerOf(path) === own) rmSync(path, { force: true });
    },
  };
}

/** Takes the lock of a dead owner out of the way. Two takers may both see it dead: only what we judged may go. */
function clearIfDead(path: string, mine: string): boolean {
  const owner = ownerOf(path);
  if (owner === undefined) return false;
  if (lives(owner, path)) {
    const [host, pid] = owner.split('~');
    throw new FolderInUseError(
      `Process ${pid}${host === hostname() ? '' : ` on ${host}`} already uses ${dirname(path)}. Stop it, or choose another ASSENT_HOME.`,
      { pid: Number(pid) },
    );
  }
  const aside = `${mine}.dead`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true; // somebody else was faster
    throw error;
  }
  const moved = ownerOf(aside);
  if (moved !== owner)
    renameSync(aside, path); // a living one came in between: put it back
  else rmSync(aside, { force: true });
  return true;
}

function lives(owner: string, path: string): boolean {
  const [host, pid, start] = owner.split('~');
  if (host === hostname()) return start !== undefined && processStart(Number(pid)) === start;
  try {
    return Date.now() - statSync(path).mtimeMs < ABANDONED_MS;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function ownerOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // the folder was removed under us
  }
}
