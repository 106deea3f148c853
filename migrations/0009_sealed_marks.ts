import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Registry rows hold small pictures of a person and come under that person's key. Rows of before are dropped: there was no release yet,
 * and a migration has no keys to seal them with. Their renders keep their manifest.
 */
export class SealedMarks1764000009000 implements MigrationInterface {
  async up(q: QueryRunner): Promise<void> {
    await q.query(`DELETE FROM marks`);
    await q.query(`ALTER TABLE marks DROP COLUMN row, ADD COLUMN subject_id uuid NOT NULL, ADD COLUMN wrapped_key bytea NOT NULL,
      ADD COLUMN sealed bytea NOT NULL`);
    await q.query(`CREATE INDEX marks_render ON marks (tenant_id, render_id)`);
  }

  /** Forward only: it would lay a likeness open. */
  async down(): Promise<void> {
    throw new Error('migrations are forward-only; restore a backup instead');
  }
}
