import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, DomainError, NotFoundError, newId } from '#kernel';
import { FOOTAGE_BUDGET, type MediaBudget, type MediaProbe, probeMedia } from '#media';
import type { Objects } from '#storage';
import type { MediaKit } from './media-kit.ts';
import type { UploadKind, UploadRow } from './uploads.entities.ts';

/** Shorter footage holds too little to fit and to hold out; a consent clip only has to show and say it. */
const MIN_SECONDS: Readonly<Record<UploadKind, number>> = { 'consent-clip': 2, footage: 8 };

export class UploadsService {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly objects: Objects,
    private readonly media: MediaKit,
  ) {}

  /**
   * Takes a local file: probed in the sandbox first, then encrypted under the subject's key. A refusal leaves a log entry and
   * nothing else. @throws one of the `media-…` refusals.
   */
  async accept(
    principal: Principal,
    input: { subjectId: string; kind: UploadKind; path: string },
    signal?: AbortSignal,
  ): Promise<UploadRow> {
    const budget: MediaBudget = { ...FOOTAGE_BUDGET, minSeconds: MIN_SECONDS[input.kind] };
    let probe: MediaProbe;
    try {
      probe = await probeMedia(input.path, this.media.tools, this.media.sandbox, budget, signal);
    } catch (error) {
      if (error instanceof DomainError) await this.#recordRefusal(principal, input, error);
      throw error;
    }
    const meta = { tenantId: principal.tenantId, subjectId: input.subjectId, kind: input.kind, mediaType: probe.mediaType };
    const staged = await this.objects.stage(meta, createReadStream(input.path));
    const id = newId();
    await this.db.tx(async (tx) => {
      await this.objects.commit(tx, staged);
      await rows(
        tx,
        `INSERT INTO uploads (id, tenant_id, subject_id, kind, object_id, sha256, bytes, probe) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [id, principal.tenantId, input.subjectId, input.kind, staged.id, staged.sha256, staged.bytes, JSON.stringify(probe)],
      );
      await this.audit.append(tx, principal, {
        kind: 'upload.completed',
        data: { uploadId: id, subjectId: input.subjectId, uploadKind: input.kind, sha256: staged.sha256, bytes: staged.bytes },
      });
    });
    return this.get(principal.tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<UploadRow> {
    const [row] = await this.db.query<UploadRow>('SELECT * FROM uploads WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no upload with this id.');
    return row;
  }

  /** Decrypts an upload into a job's scratch folder: the one place where its plaintext may lie. @throws ErasedError */
  async materialise(tenantId: string, id: string, path: string): Promise<UploadRow> {
    const row = await this.get(tenantId, id);
    await pipeline(this.objects.read(tenantId, row.object_id), createWriteStream(path, { mode: 0o600 }));
    return row;
  }

  async #recordRefusal(principal: Principal, input: { subjectId: string; kind: UploadKind }, error: DomainError): Promise<void> {
    await this.db.tx((tx) =>
      this.audit.append(tx, principal, {
        kind: 'upload.refused',
        data: { subjectId: input.subjectId, uploadKind: input.kind, slug: error.problem.slug },
      }),
    );
  }
}
