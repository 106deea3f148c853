import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A home folder of its own, removed afterwards, and a database URL that nobody else uses. */
export async function temporaryHome(): Promise<{ home: string; remove(): Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'assent-home-'));
  return { home, remove: () => rm(home, { recursive: true, force: true }) };
}
