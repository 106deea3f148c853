import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs and objects. */
export class Platform1764000001000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE objects (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, kind text NOT NULL, media_type text NOT NULL,
      sha256 text NOT NULL, bytes bigint NOT NULL, version int NOT NULL, wrapped_key bytea NOT NULL, path text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now())`);
    await q.query(`CREATE INDEX objects_subject ON objects (tenant_id, subject_id)`);
    await q.query(`CREATE TABLE jobs (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid, kind text NOT NULL, state text NOT NULL, payload jsonb NOT NULL,
      lease_epoch int NOT NULL DEFAULT 0, lease_until timestamptz, worker_id text, attempts int NOT NULL DEFAULT 0,
      max_attempts int NOT NULL DEFAULT 3, progress jsonb, checkpoint jsonb, error jsonb, cancel_reason text,
      run_after timestamptz NOT NULL DEFAULT now(), woken_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
      finished_at timestamptz)`);
    await q.query(`CREATE INDEX jobs_ready ON jobs (state, run_after)`);
    await q.query(`CREATE INDEX jobs_tenant ON jobs (tenant_id, id)`);
  }

  /** Forward only: a schema that lost its jobs would forget what it owes. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
