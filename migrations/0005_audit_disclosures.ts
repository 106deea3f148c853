import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What opens the personal digests of the log, sealed and erasable; and the lines of one tenant in the order of the log. */
export class AuditDisclosures1764000005000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE audit_disclosures (
      event_id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, wrapped_key bytea NOT NULL, sealed bytea NOT NULL)`);
    await q.query(`CREATE INDEX audit_disclosures_subject ON audit_disclosures (tenant_id, subject_id)`);
    await q.query(`CREATE INDEX log_entries_tenant ON log_entries (tenant_id, idx)`);
  }

  /** Forward only: a log that can be migrated away proves nothing. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
