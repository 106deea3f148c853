import { loadConfig } from '#kernel';

/** Opening the platform migrates; this is for operators who want it as a step of its own. */
export async function migrateCommand(): Promise<number> {
  const { openPlatform } = await import('../platform.module.ts');
  const platform = await openPlatform(loadConfig(), (error) => console.error(String(error)));
  const [{ n }] = (await platform.db.query<{ n: string }>('SELECT count(*) n FROM schema_migrations')) as [{ n: string }];
  console.log(`The schema is up to date: ${n} migrations, PostgreSQL ${platform.databaseVersion}.`);
  await platform.close();
  return 0;
}
