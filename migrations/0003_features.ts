import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Subjects, uploads, consents, matches, trainings, replicas, renders. Every table carries tenant_id; every instant is timestamptz. */
export class Features1764000003000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE subjects (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, state text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(), erased_at timestamptz)`);
    await q.query(`CREATE INDEX subjects_tenant ON subjects (tenant_id, id)`);
    await q.query(`CREATE TABLE uploads (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, kind text NOT NULL, object_id uuid NOT NULL,
      sha256 text NOT NULL, bytes bigint NOT NULL, probe jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`);
    await q.query(`CREATE INDEX uploads_subject ON uploads (tenant_id, subject_id)`);
    await q.query(`CREATE TABLE consents (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, state text NOT NULL, purposes text[] NOT NULL,
      scope jsonb NOT NULL, request jsonb NOT NULL, status_token text NOT NULL, valid_until timestamptz NOT NULL, zone text NOT NULL,
      assurance text NOT NULL, evidence_upload_id uuid, record text, record_sha256 text, receipt text,
      created_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz)`);
    await q.query(`CREATE UNIQUE INDEX consents_status_token ON consents (status_token)`);
    await q.query(`CREATE INDEX consents_subject ON consents (tenant_id, subject_id)`);
    await q.query(`CREATE TABLE consent_events (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, consent_id uuid NOT NULL, from_state text NOT NULL, to_state text NOT NULL,
      actor_id text NOT NULL, at timestamptz NOT NULL DEFAULT now())`);
    await q.query(`CREATE INDEX consent_events_consent ON consent_events (consent_id, at)`);
    await q.query(`CREATE TABLE identity_matches (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, consent_id uuid NOT NULL, training_id uuid NOT NULL, band text NOT NULL,
      score double precision NOT NULL, accept_at double precision NOT NULL, refuse_below double precision NOT NULL, tracks jsonb NOT NULL,
      model_sha256 text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`);
    await q.query(`CREATE TABLE trainings (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, consent_id uuid NOT NULL, upload_id uuid NOT NULL,
      job_id uuid, state text NOT NULL, options jsonb NOT NULL, cancel_reason text, error jsonb, replica_id uuid,
      created_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz)`);
    await q.query(`CREATE INDEX trainings_consent ON trainings (consent_id)`);
    await q.query(`CREATE TABLE replicas (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, consent_id uuid NOT NULL, training_id uuid NOT NULL,
      state text NOT NULL, object_id uuid NOT NULL, drive_object_id uuid NOT NULL, card_object_id uuid NOT NULL, sha256 text NOT NULL,
      manifest jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`);
    await q.query(`CREATE INDEX replicas_consent ON replicas (consent_id)`);
    await q.query(`CREATE TABLE renders (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, consent_id uuid NOT NULL, replica_id uuid NOT NULL,
      job_id uuid, state text NOT NULL, request jsonb NOT NULL, object_id uuid, sha256 text, mark_id text, error jsonb,
      created_at timestamptz NOT NULL DEFAULT now(), published_at timestamptz)`);
    await q.query(`CREATE INDEX renders_consent ON renders (consent_id)`);
    await q.query(`CREATE TABLE marks (
      id text PRIMARY KEY, tenant_id text NOT NULL, kid text NOT NULL, render_id uuid NOT NULL, row text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now())`);
  }

  /** Forward only: a schema that lost consent rows would be worse than one that is too new. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
