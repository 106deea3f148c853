import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who may come in: API keys and persons' links as keyed hashes; answers kept for a repeated request; the request id of a job. */
export class Access1764000006000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE api_keys (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, role text NOT NULL, label text NOT NULL, scopes text[], prefix text NOT NULL,
      key_hash bytea NOT NULL, created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz,
      revoked_at timestamptz, last_used_at timestamptz)`);
    await q.query(`CREATE UNIQUE INDEX api_keys_prefix ON api_keys (prefix)`);
    await q.query(`CREATE INDEX api_keys_tenant ON api_keys (tenant_id, id)`);
    await q.query(`CREATE TABLE links (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, subject_id uuid NOT NULL, consent_id uuid NOT NULL, purpose text NOT NULL,
      prefix text NOT NULL, token_hash bytea NOT NULL, created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL, spent_at timestamptz)`);
    await q.query(`CREATE UNIQUE INDEX links_prefix ON links (prefix)`);
    await q.query(`CREATE INDEX links_consent ON links (tenant_id, consent_id)`);
    await q.query(`CREATE TABLE idempotency_keys (
      tenant_id text NOT NULL, actor_id text NOT NULL, route text NOT NULL, key text NOT NULL, request_sha256 text NOT NULL, status int,
      sealed bytea, created_at timestamptz NOT NULL DEFAULT now(), locked_until timestamptz NOT NULL,
      PRIMARY KEY (tenant_id, actor_id, route, key))`);
    await q.query(`CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)`);
    await q.query(`ALTER TABLE subjects ADD COLUMN sealed_name bytea, ADD COLUMN name_key bytea`);
    await q.query(`ALTER TABLE jobs ADD COLUMN request_id text`);
  }

  /** Forward only: keys that nobody can check any more would have to be let in or locked out. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
