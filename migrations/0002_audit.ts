import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The outbox that business transactions write, and the log that only the sequencer writes. */
export class Audit1764000002000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE audit_outbox (
      seq bigserial PRIMARY KEY, event_id uuid NOT NULL, tenant_id text NOT NULL, event jsonb NOT NULL)`);
    // text, never jsonb: the leaf is the exact bytes of the line, and jsonb would rewrite them
    await q.query(`CREATE TABLE log_entries (
      idx bigint PRIMARY KEY, event_id uuid NOT NULL, tenant_id text NOT NULL, line text NOT NULL, leaf bytea NOT NULL)`);
    await q.query(`CREATE UNIQUE INDEX log_entries_event ON log_entries (event_id)`);
    await q.query(`CREATE TABLE log_tiles (
      level int NOT NULL, idx bigint NOT NULL, width int NOT NULL, hashes bytea NOT NULL, tenant_id text NOT NULL DEFAULT 'system',
      PRIMARY KEY (level, idx))`);
    await q.query(`CREATE TABLE log_checkpoints (
      size bigint PRIMARY KEY, note text NOT NULL, tenant_id text NOT NULL DEFAULT 'system', created_at timestamptz NOT NULL DEFAULT now())`);
  }

  /** Forward only: a log that can be migrated away proves nothing. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
