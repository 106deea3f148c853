import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A request that is sent twice asks for one job. */
export class JobDedupe1764000004000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`ALTER TABLE jobs ADD COLUMN dedupe_key text`);
    await q.query(`CREATE UNIQUE INDEX jobs_dedupe ON jobs (tenant_id, kind, dedupe_key) WHERE (dedupe_key IS NOT NULL)`);
  }

  /** Forward only: jobs that were asked for once would run twice. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
