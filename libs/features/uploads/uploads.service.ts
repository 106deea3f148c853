import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, type ProblemDocument, type Tx, DomainError, NotFoundError, newId } from '#kernel';
import { FOOTAGE_BUDGET, type MediaBudget, type MediaProbe, probeMedia } from '#media';
import type { Objects, StagedObject } from '#storage';
import type { MediaKit } from './media-kit.ts';
import type { UploadKind, UploadRow, UploadSessionRow, UploadState } from './uploads.entities.ts';
import { UploadExpiredError, UploadNotReadyError, UploadRefusedError } from './uploads.errors.ts';

/** Shorter footage holds too little to fit and to hold out; a consent clip only has to show and say it. */
const MIN_SECONDS: Readonly<Record<UploadKind, number>> = { 'consent-clip': 2, footage: 8 };

/** An upload as the API shows it: ids, sizes and states only. */
export interface UploadView {
  readonly id: string;
  readonly kind: UploadKind;
  readonly subject_id: string;
  readonly state: UploadState;
  /** The whole; null while a recording runs. */
  readonly bytes: number | null;
  /** Durable bytes. */
  readonly offset: number;
  readonly sha256: string | null;
  readonly problem: ProblemDocument | null;
  readonly created_at: string;
}

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
    let probe: MediaProbe;
    try {
      probe = await this.probe(input.kind, input.path, signal);
    } catch (error) {
      if (error instanceof DomainError) await this.#recordRefusal(principal, input, error);
      throw error;
    }
    const meta = { tenantId: principal.tenantId, subjectId: input.subjectId, kind: input.kind, mediaType: probe.mediaType };
    const staged = await this.objects.stage(meta, createReadStream(input.path));
    const id = newId();
    await this.db.tx(async (tx) => {
      await this.commit(tx, principal, { id, kind: input.kind }, staged, probe);
    });
    return this.get(principal.tenantId, id);
  }

  /** Is it a clip that we can work with? Looked at in the sandbox. @throws one of the `media-…` refusals. */
  probe(kind: UploadKind, path: string, signal?: AbortSignal): Promise<MediaProbe> {
    const budget: MediaBudget = { ...FOOTAGE_BUDGET, minSeconds: MIN_SECONDS[kind] };
    return probeMedia(path, this.media.tools, this.media.sandbox, budget, signal);
  }

  /** The clip comes to exist: object, row and event in the caller's transaction. */
  async commit(
    tx: Tx,
    principal: Principal,
    { id, kind }: { id: string; kind: UploadKind },
    staged: StagedObject,
    probe: MediaProbe,
  ): Promise<void> {
    await this.objects.commit(tx, staged);
    await rows(
      tx,
      `INSERT INTO uploads (id, tenant_id, subject_id, kind, object_id, sha256, bytes, probe) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, principal.tenantId, staged.subjectId, kind, staged.id, staged.sha256, staged.bytes, JSON.stringify(probe)],
    );
    await this.audit.append(tx, principal, {
      kind: 'upload.completed',
      data: { uploadId: id, subjectId: staged.subjectId, uploadKind: kind, sha256: staged.sha256, bytes: staged.bytes },
    });
  }

  /**
   * A clip that may be used.
   * @throws UploadNotReadyError while it arrives or is looked at; UploadExpiredError; the refusal of its check, with its own slug;
   * NotFoundError.
   */
  async get(tenantId: string, id: string): Promise<UploadRow> {
    const [row] = await this.db.query<UploadRow>('SELECT * FROM uploads WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (row) return row;
    const [session] = await this.db.query<UploadSessionRow>('SELECT * FROM upload_sessions WHERE tenant_id = $1 AND id = $2', [
      tenantId,
      id,
    ]);
    switch (session?.state) {
      case undefined:
        throw new NotFoundError('There is no upload with this id.');
      case 'refused':
        throw new UploadRefusedError(session!.problem!);
      case 'expired':
        throw new UploadExpiredError('This upload was not finished in time; its bytes are gone. Begin a new one.');
      default:
        throw new UploadNotReadyError(
          session!.state === 'receiving'
            ? `The upload stands at byte ${session!.offset_bytes}. Send the rest first.`
            : 'The clip is being checked. Ask again in a moment.',
          { state: session!.state, retry_after: 2 },
        );
    }
  }

  /** What a clip was sent for, and when it began to arrive. Undefined: it was taken from a local file. */
  async findArrival(tenantId: string, id: string): Promise<{ captureId: string | null; beganAt: Date } | undefined> {
    const [row] = await this.db.query<{ captureId: string | null; beganAt: Date }>(
      `SELECT capture_id AS "captureId", created_at AS "beganAt" FROM upload_sessions WHERE tenant_id = $1 AND id = $2`,
      [tenantId, id],
    );
    return row;
  }

  /** Whatever is known about an upload, in the words of the API. A clip that was taken from a local file has no session. */
  async view(principal: Principal, id: string): Promise<UploadView> {
    const [row] = await this.db.query<UploadRow & Partial<UploadSessionRow> & { session_kind: UploadKind | null }>(
      `SELECT u.*, s.state, s.consent_id, s.length_bytes, s.offset_bytes, s.problem, s.expires_at, s.declared_sha256, s.kind AS session_kind,
         coalesce(u.id, s.id) AS id, coalesce(u.subject_id, s.subject_id) AS subject_id, coalesce(s.created_at, u.created_at) AS created_at
       FROM (SELECT * FROM uploads WHERE tenant_id = $1 AND id = $2) u
       FULL JOIN (SELECT * FROM upload_sessions WHERE tenant_id = $1 AND id = $2) s ON s.id = u.id`,
      [principal.tenantId, id],
    );
    const { link } = principal;
    if (!row || (link && row.consent_id !== link.consentId)) throw new NotFoundError('There is no upload with this id.');
    const bytes = row.bytes ?? row.length_bytes ?? null;
    return {
      id: row.id,
      kind: row.kind ?? row.session_kind!,
      subject_id: row.subject_id,
      state: row.state ?? 'ready',
      bytes: bytes === null ? null : Number(bytes),
      offset: Number(row.offset_bytes ?? row.bytes),
      sha256: row.sha256 ?? null,
      problem: row.problem ?? null,
      created_at: row.created_at.toISOString(),
    };
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
