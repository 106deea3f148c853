import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The person's side of a consent: codes, tries, what the check of the clip said. */
export class ConsentDoors1764000008000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`CREATE TABLE consent_captures (
      id uuid PRIMARY KEY, tenant_id text NOT NULL, consent_id uuid NOT NULL, digits text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL, used_at timestamptz)`);
    await q.query(`CREATE INDEX consent_captures_consent ON consent_captures (consent_id, id)`);
    await q.query(`ALTER TABLE consents ADD COLUMN attempts int NOT NULL DEFAULT 0, ADD COLUMN evidence_problem jsonb,
      ADD COLUMN notice_sha256 text, ADD COLUMN notice_locale text`);
    await q.query(`CREATE INDEX consents_tenant ON consents (tenant_id, id)`);
    await q.query(
      `CREATE INDEX consents_term ON consents (valid_until) WHERE (state = ANY (ARRAY['given'::text, 'paused'::text]))`,
    );
  }

  /** Forward only: a schema that lost consent rows would be worse than one that is too new. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
