import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, type Tx, NotFoundError } from '#kernel';
import type { JobHandler, JobOutcome, Jobs, Lease } from '#queue';
import type { Objects, Scratch } from '#storage';
import { UPLOAD_CHECK_JOB, UPLOAD_DISCARD_JOB, scopeOf } from './upload-sessions.ts';
import type { UploadSessionRow } from './uploads.entities.ts';
import { UploadHashMismatchError } from './uploads.errors.ts';
import type { UploadsService } from './uploads.service.ts';

export interface UploadJobDeps {
  readonly db: Db;
  readonly audit: Audit;
  readonly jobs: Jobs;
  readonly objects: Objects;
  readonly scratch: Scratch;
  readonly uploads: UploadsService;
}

/** The worker's principal for a job: the tenant's, with the request that asked for it. */
export const workerPrincipal = (lease: Lease): Principal => ({
  tenantId: lease.tenantId,
  actorId: 'worker',
  roles: ['system'],
  ...(lease.row.request_id ? { requestId: lease.row.request_id } : {}),
});

async function sessionOf(db: Db, lease: Lease): Promise<UploadSessionRow | undefined> {
  const [session] = await db.query<UploadSessionRow>('SELECT * FROM upload_sessions WHERE tenant_id = $1 AND id = $2', [
    lease.tenantId,
    String(lease.payload['uploadId']),
  ]);
  return session;
}

/**
 * Looks at a complete upload: hash, then probe in the sandbox, then one object under the subject's key. The pieces are opened into the
 * job's scratch folder, the one place where plaintext may lie. A refusal is an answer: it stays with the upload and stands in the log.
 */
export class UploadCheck implements JobHandler {
  readonly kind = UPLOAD_CHECK_JOB;
  constructor(private readonly deps: UploadJobDeps) {}

  async run(lease: Lease): Promise<void> {
    const { db, jobs, objects, scratch, uploads } = this.deps;
    const session = await sessionOf(db, lease);
    if (!session) throw new NotFoundError('The upload is gone.');
    const principal = workerPrincipal(lease);
    await scratch.within(lease.attempt, async (folder) => {
      const path = join(folder, 'clip');
      const hash = createHash('sha256');
      await lease.stage('open', {});
      await pipeline(
        objects.segments.read(scopeOf(session), session.wrapped_key),
        hashing(hash),
        createWriteStream(path, { mode: 0o600 }),
      );
      const sha256 = hash.digest('hex');
      if (session.declared_sha256 !== null && session.declared_sha256 !== sha256)
        throw new UploadHashMismatchError(
          'The bytes that arrived do not hash to the SHA-256 that was announced. Send the file again.',
        );
      await lease.stage('probe', {});
      const probe = await uploads.probe(session.kind, path, lease.signal);
      await lease.stage('seal', {});
      const meta = { tenantId: lease.tenantId, subjectId: session.subject_id, kind: session.kind, mediaType: probe.mediaType };
      const staged = await objects.stage(meta, createReadStream(path), lease.attempt);
      await lease.complete(async (tx) => {
        await uploads.commit(tx, principal, session, staged, probe);
        await rows(tx, `UPDATE upload_sessions SET state = 'ready' WHERE id = $1`, [session.id]);
        await discardSoon(tx, jobs, session, lease);
        await lease.event(tx, 'end', { state: 'ready' });
      });
    });
  }

  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    if (outcome.state === 'queued') return;
    const [session] = await rows<UploadSessionRow>(
      tx,
      `UPDATE upload_sessions SET state = 'refused', problem = $2 WHERE id = $1 AND state = 'checking' RETURNING *`,
      [lease.payload['uploadId'], JSON.stringify(outcome.problem ?? null)],
    );
    if (!session) return; // aborted, or erased with its person
    await this.deps.audit.append(tx, workerPrincipal(lease), {
      kind: 'upload.refused',
      data: { subjectId: session.subject_id, uploadKind: session.kind, slug: outcome.problem?.code ?? 'internal-error' },
    });
    await discardSoon(tx, this.deps.jobs, session, lease);
    await lease.event(tx, 'end', { state: 'refused' });
  }
}

/** Removes the pieces of an upload that is over, and ends one that was never finished. Enqueued with the upload itself. */
export class UploadDiscard implements JobHandler {
  readonly kind = UPLOAD_DISCARD_JOB;
  constructor(private readonly deps: UploadJobDeps) {}

  async run(lease: Lease): Promise<void> {
    const { db, audit, objects } = this.deps;
    const uploadId = String(lease.payload['uploadId']);
    await lease.commit(async (tx) => {
      const [expired] = await rows<UploadSessionRow>(
        tx,
        `UPDATE upload_sessions SET state = 'expired' WHERE tenant_id = $1 AND id = $2 AND state = 'receiving'
           AND expires_at <= clock_timestamp() RETURNING *`,
        [lease.tenantId, uploadId],
      );
      if (expired)
        await audit.append(tx, workerPrincipal(lease), {
          kind: 'upload.refused',
          data: { subjectId: expired.subject_id, uploadKind: expired.kind, slug: 'upload-expired' },
        });
    });
    const session = await sessionOf(db, lease);
    // Still being looked at: its check asks for the discard when it is done.
    if (session?.state !== 'receiving' && session?.state !== 'checking') await objects.segments.remove(lease.tenantId, uploadId);
    await lease.complete(() => Promise.resolve());
  }
}

async function discardSoon(tx: Tx, jobs: Jobs, session: UploadSessionRow, lease: Lease): Promise<void> {
  await jobs.enqueue(tx, {
    tenantId: session.tenant_id,
    kind: UPLOAD_DISCARD_JOB,
    subjectId: session.subject_id,
    payload: { uploadId: session.id },
    requestId: lease.row.request_id ?? undefined,
  });
}

const hashing = (hash: { update(bytes: Uint8Array): unknown }) =>
  async function* (bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
