import pg from 'pg';
import type { Db } from './db.ts';

/** Any constant works as long as nobody else uses it. */
const MIGRATION_LOCK = 4_771_001;

/**
 * Runs pending migrations. Processes that start together queue on a session lock; a migrator that is killed half-way loses its
 * session and with it the lock, so the next one goes on (case OP-01). Each migration is its own transaction.
 */
export async function migrate(db: Db): Promise<string[]> {
  const { url } = db.dataSource.options as { url: string };
  const guard = new pg.Client({ connectionString: url });
  await guard.connect();
  try {
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const done = await db.dataSource.runMigrations({ transaction: 'each' });
    return done.map((migration) => migration.name);
  } finally {
    await guard.end();
  }
}

/** What the schema builder would still change: empty when entities and migrations agree. */
export async function schemaDrift(db: Db): Promise<string[]> {
  const statements = await db.dataSource.driver.createSchemaBuilder().log();
  return statements.upQueries.map((query) => query.query);
}
