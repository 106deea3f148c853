import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '#db';

/** One server for the whole run, without fsync: each test file makes its own database on it. */
export async function setup(): Promise<() => Promise<void>> {
  if (process.env['ASSENT_TEST_DATABASE_URL']) return () => Promise.resolve(); // given: the suites run against that server
  const folder = await mkdtemp(join(tmpdir(), 'assent-test-pg-'));
  const server = await startEmbeddedPostgres(folder, { durable: false });
  process.env['ASSENT_TEST_DATABASE_URL'] = server.url;
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
