import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchLog } from '#audit';
import { migrate, openDb, startEmbeddedPostgres } from '#db';
import type { BenchFigure } from '#kernel';
import { migrations } from '#migrations';

/** The log on a durable database of its own, which is gone afterwards: it never writes into yours. */
export async function logBench(): Promise<BenchFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'assent-bench-'));
  const server = await startEmbeddedPostgres(join(folder, 'postgres'));
  try {
    const db = await openDb({ url: server.url, migrations });
    await migrate(db);
    try {
      return await benchLog(db);
    } finally {
      await db.dataSource.destroy();
    }
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
