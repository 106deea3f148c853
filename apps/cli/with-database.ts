import { join } from 'node:path';
import { findRunningPostgres, startEmbeddedPostgres } from '#db';
import type { Config } from '#kernel';

/**
 * The configured database; else the embedded one: the one that runs (`npm start`), or one that is started and stopped for `work`.
 * `name` says which, without user and password.
 */
export async function withDatabase<T>(config: Config, work: (url: string, name: string) => Promise<T>): Promise<T> {
  if (config.DATABASE_URL !== undefined)
    return work(config.DATABASE_URL, `DATABASE_URL (${withoutSecrets(config.DATABASE_URL)})`);
  const folder = join(config.ASSENT_HOME, 'postgres');
  const running = findRunningPostgres(folder);
  if (running !== undefined) return work(running, `embedded below ${folder}, running`);
  const server = await startEmbeddedPostgres(folder);
  try {
    return await work(server.url, `embedded below ${folder}`);
  } finally {
    await server.stop();
  }
}

/** Host, port and database of an address; never its user or password. */
export function withoutSecrets(address: string): string {
  const { host, pathname } = new URL(address);
  return `${host}${pathname}`;
}
