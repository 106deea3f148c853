import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiKeys } from '#access';
import { Audit } from '#audit';
import { openDb } from '#db';
import { type Config, DomainError, type Principal } from '#kernel';
import { KeyStore } from '#keys';

/** A key that a command prints is for a developer's machine. */
export class DevelopmentKeyRefusedError extends DomainError {
  override readonly problem = {
    slug: 'development-key-refused',
    status: 403,
    title: 'No development key in production',
  } as const;
}

/** The tenant that a developer works in. */
export const DEVELOPMENT_TENANT = 'dev';
const LABEL = 'development key of npm start';
const principal: Principal = { tenantId: DEVELOPMENT_TENANT, actorId: 'npm-start', roles: ['system'] };

/**
 * An API key of role admin that works now: the one of the last start, kept in a file that only its owner can read, or a new one when
 * that is revoked or of another database. @throws DevelopmentKeyRefusedError when NODE_ENV is production.
 */
export async function developmentKey(config: Config, databaseUrl: string): Promise<string> {
  if (config.NODE_ENV === 'production')
    throw new DevelopmentKeyRefusedError(
      'NODE_ENV is production: no development key is made. Make a key for a person or a program with: assent keys issue --tenant T --role admin',
    );
  const file = join(config.ASSENT_HOME, 'development-key');
  const keys = await KeyStore.open(join(config.ASSENT_HOME, 'keys'));
  const db = await openDb({ url: databaseUrl, poolSize: 2 });
  try {
    const apiKeys = new ApiKeys(db, new Audit(keys), keys);
    const stored = await readStored(file);
    if (stored !== undefined && (await apiKeys.authenticate(stored)) !== undefined) return stored;
    const { key } = await apiKeys.issue(principal, { role: 'admin', label: LABEL });
    await writeFile(file, key + '\n', { mode: 0o600 });
    return key;
  } finally {
    await db.dataSource.destroy();
  }
}

async function readStored(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
