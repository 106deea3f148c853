import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the doors need of media: uploads that arrive in pieces, jobs that tell what they do, renders that know their log entry. */
export class DoorsMedia1764000007000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`ALTER TABLE jobs ADD COLUMN IF NOT EXISTS request_id text, ADD COLUMN event_count int NOT NULL DEFAULT 0`);
    await q.query(`CREATE TABLE job_events (
      job_id uuid NOT NULL, tenant_id text NOT NULL, seq int NOT NULL, kind text NOT NULL, data jsonb NOT NULL,
      at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (job_id, seq))`);
    await q.query(`CREATE TABLE job_stages (
      job_id uuid NOT NULL, tenant_id text NOT NULL, seq int NOT NULL, name text NOT NULL, epoch int NOT NULL,
      started_at timestamptz NOT NULL DEFAULT clock_timestamp(), ended_at timestamptz, PRIMARY KEY (job_id, seq))`);
    await q.query(`CREATE TABLE object_segments (
      upload_id uuid NOT NULL, tenant_id text NOT NULL, subject_id uuid NOT NULL, start_byte bigint NOT NULL, bytes int NOT NULL,
      path text NOT NULL, PRIMARY KEY (upload_id, start_byte))`);
    await q.query(`CREATE INDEX object_segments_subject ON object_segments (tenant_id, subject_id)`);
    await q.query(`CREATE TABLE upload_sessions (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, kind text NOT NULL, consent_id uuid, capture_id uuid,
      state text NOT NULL, length_bytes bigint, offset_bytes bigint NOT NULL DEFAULT 0, declared_sha256 text, wrapped_key bytea NOT NULL,
      problem jsonb, created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL)`);
    await q.query(`CREATE INDEX upload_sessions_subject ON upload_sessions (tenant_id, subject_id)`);
    await q.query(`ALTER TABLE renders ADD COLUMN published_event uuid`);
    // Once: later renders write it when they are published.
    await q.query(`UPDATE renders r SET published_event = e.event_id FROM log_entries e
      WHERE e.line LIKE '%"type":"render.published"%' AND e.line LIKE '%' || r.sha256 || '%'`);
    await q.query(`CREATE INDEX renders_sha256 ON renders (sha256)`);
    await q.query(`CREATE INDEX renders_tenant ON renders (tenant_id, id)`);
    await q.query(`CREATE INDEX trainings_tenant ON trainings (tenant_id, id)`);
    await q.query(`CREATE INDEX replicas_tenant ON replicas (tenant_id, id)`);
  }

  /** Forward only: bytes that a person has sent would be lost half-way. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
