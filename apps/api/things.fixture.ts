import { randomBytes } from 'node:crypto';
import type { Db } from '#db';
import { newId } from '#kernel';

/** Rows of every kind that has an id in a path, of one tenant, without the work behind them: to be found by nobody else. */
export async function seedThings(db: Db, tenantId: string, subjectId: string): Promise<Record<string, string>> {
  const [consent, upload, training, replica, render, job] = Array.from({ length: 6 }, () => newId());
  const sha256 = '0'.repeat(64);
  const insert = (table: string, row: Record<string, unknown>): Promise<unknown> => {
    const names = Object.keys(row);
    return db.query(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(row),
    );
  };
  const owner = { tenant_id: tenantId, subject_id: subjectId };
  await insert('consents', {
    id: consent, ...owner, state: 'requested', purposes: ['training'], scope: '{}', request: '{}', status_token: randomBytes(16).toString('base64url'),
    valid_until: new Date(Date.now() + 86_400_000), zone: 'Asia/Kolkata', assurance: 'none',
  }); // prettier-ignore
  await insert('upload_sessions', {
    id: upload, ...owner, kind: 'footage', state: 'receiving', length_bytes: 1000, wrapped_key: Buffer.alloc(60),
    expires_at: new Date(Date.now() + 86_400_000),
  }); // prettier-ignore
  // Finished, so that no worker of the test takes it.
  await insert('jobs', { id: job, ...owner, kind: 'training.run', state: 'succeeded', payload: '{}' });
  await insert('trainings', {
    id: training, ...owner, consent_id: consent, upload_id: upload, job_id: job, state: 'succeeded', options: '{}', replica_id: replica,
  }); // prettier-ignore
  await insert('replicas', {
    id: replica, ...owner, consent_id: consent, training_id: training, state: 'active', object_id: newId(), drive_object_id: newId(),
    card_object_id: newId(), sha256, manifest: '{}',
  }); // prettier-ignore
  await insert('renders', {
    id: render, ...owner, consent_id: consent, replica_id: replica, job_id: job, state: 'published', request: '{}', object_id: newId(), sha256,
    mark_id: '0'.repeat(16),
  }); // prettier-ignore
  return { consents: consent!, uploads: upload!, 'training-jobs': training!, replicas: replica!, renders: render! };
}
