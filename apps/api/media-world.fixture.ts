import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { ConsentService } from '#consent';
import { type Principal, newId } from '#kernel';
import { Objects } from '#storage';
import { TENANT, type TestApi, call } from './api.fixture.ts';

const SYSTEM: Principal = { tenantId: TENANT, actorId: 'test', roles: ['system'] };
const SCOPE = {
  purposes: ['training', 'async_video'], intended_uses: ['a test'], allowed_emotions: ['neutral'], max_intensity: 0.5, languages: ['en'],
  realtime: false, max_renders: null, audience_min_age: 0, prohibited_uses: [], script_preapproval: false, export_model: false,
}; // prettier-ignore

/** What the road leaves behind, without walking it: a person with a given consent, footage, an active replica, a published render. */
export async function mediaWorld(api: TestApi, more: { scope?: object; bytes?: number } = {}) {
  const objects = api.app.get(Objects);
  const subjectId = String((await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: {} })).body['id']);
  const [consentId, uploadId, trainingId, replicaId, renderId] = [newId(), newId(), newId(), newId(), newId()];
  const scope = { ...SCOPE, ...more.scope };
  await api.db.query(
    `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
     VALUES ($1, $2, $3, 'given', $4, $5, '{}', $6, now() + interval '1 hour', 'UTC', 'none')`,
    [consentId, TENANT, subjectId, scope.purposes, JSON.stringify(scope), newId()],
  );
  const store = async (kind: string, mediaType: string, bytes: Buffer) => {
    const staged = await objects.stage({ tenantId: TENANT, subjectId, kind, mediaType }, Readable.from([bytes]));
    await api.db.tx((tx) => objects.commit(tx, staged));
    return { id: staged.id, sha256: staged.sha256, bytes };
  };
  const footage = await store('footage', 'video/mp4', randomBytes(100));
  await api.db.query(
    `INSERT INTO uploads (id, tenant_id, subject_id, kind, object_id, sha256, bytes, probe) VALUES ($1, $2, $3, 'footage', $4, $5, 100, '{}')`,
    [uploadId, TENANT, subjectId, footage.id, footage.sha256],
  );
  const card = await store('replica-card', 'image/png', randomBytes(5000));
  await api.db.query(
    `INSERT INTO replicas (id, tenant_id, subject_id, consent_id, training_id, state, object_id, drive_object_id, card_object_id, sha256, manifest)
     VALUES ($1, $2, $3, $4, $5, 'active', $6, $6, $7, $8, '{}')`,
    [replicaId, TENANT, subjectId, consentId, trainingId, footage.id, card.id, 'a'.repeat(64)],
  );
  const video = await store('render', 'video/mp4', randomBytes(more.bytes ?? 300_000));
  const jobId = await api.db.tx((tx) =>
    api.platform.jobs.enqueue(tx, { tenantId: TENANT, kind: 'test.done', subjectId, payload: {} }),
  );
  await api.db.query(
    `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, job_id, state, request, object_id, sha256, published_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'published', $7, $8, $9, now())`,
    [
      renderId, TENANT, subjectId, consentId, replicaId, jobId,
      JSON.stringify({ replicaId, purpose: 'async_video', start: 0, seconds: 2, audio: 'own', demo: false }), video.id, video.sha256,
    ], // prettier-ignore
  );
  const consents = api.app.get(ConsentService);
  return {
    subjectId, consentId, uploadId, replicaId, renderId, jobId, video, card,
    trainingBody: { consent_id: consentId, upload_id: uploadId },
    renderBody: { replica_id: replicaId, purpose: 'async_video', seconds: 2 },
    withdraw: () => consents.withdraw(SYSTEM, consentId),
    pause: () => consents.pause(SYSTEM, consentId),
    resume: () => consents.resume(SYSTEM, consentId),
    expire: () => api.db.query(`UPDATE consents SET valid_until = now() - interval '1 second' WHERE id = $1`, [consentId]),
    /** Refusals of the gate in the log, oldest first. */
    async refusals(): Promise<Record<string, unknown>[]> {
      const waiting = await api.db.query<{ data: Record<string, unknown> }>(
        `SELECT event -> 'data' AS data FROM audit_outbox WHERE event ->> 'kind' = 'gate.refused' AND event #>> '{data,consentId}' = $1
         UNION ALL
         SELECT line::jsonb -> 'data' FROM log_entries WHERE line::jsonb ->> 'type' = 'gate.refused' AND line::jsonb #>> '{data,consentId}' = $1`,
        [consentId],
      );
      return waiting.map(({ data }) => data);
    },
  }; // prettier-ignore
}
export type MediaWorld = Awaited<ReturnType<typeof mediaWorld>>;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
