import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** The folder's entry is durable only after the folder itself is synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A synced file beside `path` that only its owner may read. A crash leaves it behind; nobody reads a `.tmp`. */
async function writeBeside(path: string, bytes: Uint8Array): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (error) {
    await unlink(temporary);
    throw error;
  } finally {
    await handle.close();
  }
  return temporary;
}

/** Writes the whole file or nothing: temporary file, fsync, rename, fsync of the folder. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await rename(await writeBeside(path, bytes), path);
  await syncFolder(dirname(path));
}

/**
 * Like `writeDurably`, but only the first writer wins. link(2) is both exclusive and whole: a reader never sees a file that is
 * still empty, and a crash never leaves one. Returns false when the file is there already.
 */
export async function createDurably(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = await writeBeside(path, bytes);
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlinkOurs(temporary);
  }
  await syncFolder(dirname(path));
  return true;
}

/** An eraser may have shredded our temporary file meanwhile: whoever is called next must still come to look for a tombstone. */
async function unlinkOurs(temporary: string): Promise<void> {
  try {
    await unlink(temporary);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Overwrites before unlinking. On flash and copy-on-write disks the old blocks may survive: the wrapping keys above still protect
 * them. Returns false when there was nothing to shred.
 */
export async function shredFile(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'r+');
    try {
      const { size } = await handle.stat();
      await handle.write(Buffer.alloc(size), 0, size, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return false; // another eraser was faster
    throw error;
  }
  await syncFolder(dirname(path));
  return true;
}
