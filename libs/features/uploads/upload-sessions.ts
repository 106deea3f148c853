import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Db, rows } from '#db';
import { type Principal, type Tx, InvalidInputError, NotFoundError, StateConflictError, newId } from '#kernel';
import { ErasedError } from '#keys';
import { FOOTAGE_BUDGET } from '#media';
import type { Jobs } from '#queue';
import type { Objects, SegmentScope } from '#storage';
import type { UploadKind, UploadSessionRow } from './uploads.entities.ts';
import {
  UploadExpiredError,
  UploadInterruptedError,
  UploadLengthError,
  UploadOffsetConflictError,
  UploadTooLargeError,
  UploadsUnderWayError,
} from './uploads.errors.ts';

export const UPLOAD_CHECK_JOB = 'upload.check';
export const UPLOAD_DISCARD_JOB = 'upload.discard';

/** The published limit of one clip, in bytes. */
export const MAX_UPLOAD_BYTES = FOOTAGE_BUDGET.maxBytes;
/** A clip of some seconds that answers a question needs no more; whoever holds a person's link can send it. */
const MAX_CONSENT_CLIP_BYTES = 512 * 1024 ** 2;
/** Uploads of one person that may be under way: retries and several takes, and not a disk full of beginnings. */
const MOST_UNDER_WAY = 20;
/** An upload that is not finished by then is gone. */
const LIFE_SECONDS = 24 * 3600;
/**
 * A piece is written when this much has arrived, or when its first byte is this old and another one comes: what a crash can lose, and
 * what one upload holds in memory. Each piece costs a durable write and a transaction (about 4 ms here).
 */
const PIECE_BYTES = 1024 * 1024;
const PIECE_MS = 1000;

const newUpload = z.strictObject({
  kind: z.enum(['footage', 'consent-clip']),
  subjectId: z.uuid(),
  consentId: z.uuid().optional(),
  captureId: z.uuid().optional(),
  /** Left out while a recording still runs. */
  length: z.int().min(0).optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
}); // prettier-ignore
export type NewUpload = z.input<typeof newUpload>;

/** One request that carries bytes. */
export interface Arriving {
  readonly offset: number;
  readonly length?: number | undefined;
  readonly contentLength?: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Uploads on their way in (the state behind the tus protocol). Offset = durable bytes. There is no lock: each piece moves the offset by
 * `UPDATE … WHERE offset_bytes = <where it starts>`, so of two writers one wins each step and the other is told where the upload stands.
 * That holds across processes, and a connection that hangs half-dead blocks nobody.
 */
export class UploadSessions {
  /** What each upload is being sent in this process. */
  readonly #receiving = new Map<string, Set<Promise<void>>>();

  constructor(
    private readonly db: Db,
    private readonly jobs: Jobs,
    private readonly objects: Objects,
    private readonly options: { pieceBytes?: number; pieceMs?: number; lifeSeconds?: number; maxBytes?: number } = {},
  ) {}

  get maxBytes(): number {
    return this.options.maxBytes ?? MAX_UPLOAD_BYTES;
  }

  #limitOf(kind: UploadKind): number {
    return kind === 'consent-clip' ? Math.min(MAX_CONSENT_CLIP_BYTES, this.maxBytes) : this.maxBytes;
  }

  /** Row and deadline in one transaction. @throws UploadTooLargeError, UploadsUnderWayError, ErasedError, NotFoundError for a foreign person or consent. */
  async create(principal: Principal, input: NewUpload): Promise<UploadSessionRow> {
    const parsed = newUpload.safeParse(input);
    if (!parsed.success) throw new InvalidInputError('The upload has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    const upload = parsed.data;
    if (upload.length !== undefined) this.#requireSize(upload.kind, upload.length);
    const scope = { tenantId: principal.tenantId, subjectId: upload.subjectId, uploadId: newId() };
    const life = this.options.lifeSeconds ?? LIFE_SECONDS;
    await this.db.tx(async (tx) => {
      await requirePerson(tx, principal, upload);
      await requireFewUnderWay(tx, scope);
      const wrappedKey = await this.objects.segments.newKey(scope);
      await rows(
        tx,
        `INSERT INTO upload_sessions
           (id, tenant_id, subject_id, kind, consent_id, capture_id, state, length_bytes, declared_sha256, wrapped_key, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'receiving', $7, $8, $9, clock_timestamp() + make_interval(secs => $10))`,
        [
          scope.uploadId,
          scope.tenantId,
          scope.subjectId,
          upload.kind,
          upload.consentId ?? null,
          upload.captureId ?? null,
          upload.length ?? null,
          upload.sha256 ?? null,
          wrappedKey,
          life,
        ],
      );
      // The deadline is a row, not a timer: no upload outlives it, whichever process dies.
      await this.#enqueue(tx, principal, UPLOAD_DISCARD_JOB, scope, life);
      if (upload.length === 0) await this.#finish(tx, principal, scope);
    });
    return this.get(principal, scope.uploadId);
  }

  /** @throws NotFoundError, also for another tenant's, and for a person whose link is not for it. */
  async get(principal: Principal, id: string): Promise<UploadSessionRow> {
    const [row] = await this.db.query<UploadSessionRow>('SELECT * FROM upload_sessions WHERE tenant_id = $1 AND id = $2', [
      principal.tenantId,
      id,
    ]);
    const { link } = principal;
    if (!row || (link && row.consent_id !== link.consentId)) throw new NotFoundError('There is no upload with this id.');
    return row;
  }

  /**
   * Takes the bytes of one request from `offset` on. What had arrived when the client went away is kept; what the store could not
   * take is not counted. Answers with the new offset.
   * @throws UploadOffsetConflictError, UploadTooLargeError, UploadLengthError, UploadInterruptedError, UploadExpiredError, ErasedError
   */
  async receive(principal: Principal, id: string, request: Arriving): Promise<UploadSessionRow> {
    const received = this.#receive(principal, id, request);
    const quiet = received.then(
      () => undefined,
      () => undefined,
    );
    const all = this.#receiving.get(id) ?? new Set();
    this.#receiving.set(id, all.add(quiet));
    try {
      return await received;
    } finally {
      all.delete(quiet);
      if (all.size === 0) this.#receiving.delete(id);
    }
  }

  /**
   * Until what this process is still writing of an upload is written, for two seconds at most. Who was cut off asks at once where to go
   * on, and would be told an offset that moves a moment later: what it then sends would be refused, and sent again. Another process is not
   * waited for: there the compare-and-set on the offset decides.
   */
  async untilWritten(id: string): Promise<void> {
    const writing = Array.from(this.#receiving.get(id) ?? [], (received) => received);
    await Promise.race([Promise.all(writing), sleep(2000, undefined, { ref: false })]);
  }

  async #receive(principal: Principal, id: string, request: Arriving): Promise<UploadSessionRow> {
    const session = await this.get(principal, id);
    requireReceiving(session, request.offset);
    if (request.length !== undefined) await this.#declareLength(principal, session, request.length);
    const { length_bytes: length } = await this.get(principal, id);
    const end = length === null ? this.#limitOf(session.kind) : Number(length);
    if (request.offset + (request.contentLength ?? 0) > end) throw overrun(length === null, end);
    const piece = new Piece(request.offset);
    const write = async (): Promise<void> => {
      if (piece.bytes > 0) await this.#append(principal, session, piece);
    };
    let over = false;
    try {
      for await (const chunk of request.body) {
        const room = end - piece.end;
        over = chunk.length > room;
        piece.add(over ? chunk.subarray(0, room) : chunk);
        if (over) break;
        if (piece.bytes >= (this.options.pieceBytes ?? PIECE_BYTES) || piece.age >= (this.options.pieceMs ?? PIECE_MS))
          await write();
      }
    } catch (error) {
      if (error instanceof UploadOffsetConflictError || !isDisconnect(error)) throw error;
      await write(); // it arrived, so it need not be sent again
      throw new UploadInterruptedError(`The request ended at byte ${piece.start}. Ask with HEAD and go on from there.`);
    }
    // Bytes beyond the announced length: the client and we do not mean the same file, so the rest of this request does not count.
    if (over) throw overrun(length === null, end);
    await write();
    return this.get(principal, id);
  }

  /** The client gives up: nothing is left. @throws StateConflictError once the bytes are complete. */
  async abort(principal: Principal, id: string): Promise<void> {
    await this.get(principal, id);
    const gone = await this.db.tx((tx) =>
      rows(
        tx,
        `DELETE FROM upload_sessions WHERE tenant_id = $1 AND id = $2 AND state IN ('receiving', 'expired', 'refused') RETURNING id`,
        [principal.tenantId, id],
      ),
    );
    if (gone.length === 0) throw new StateConflictError('This upload is complete. It is removed with the person it shows.');
    await this.objects.segments.remove(principal.tenantId, id);
  }

  /** A deferred length, once the recording has ended. It may be said again, but not differently. */
  async #declareLength(principal: Principal, session: UploadSessionRow, length: number): Promise<void> {
    this.#requireSize(session.kind, length);
    await this.db.tx(async (tx) => {
      const found = await rows<{ offset_bytes: string }>(
        tx,
        `UPDATE upload_sessions SET length_bytes = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'receiving'
           AND (length_bytes IS NULL OR length_bytes = $3) AND offset_bytes <= $3 RETURNING offset_bytes`,
        [principal.tenantId, session.id, length],
      );
      if (found.length === 0)
        throw new UploadLengthError('Another length was announced before, or more bytes than that are here already.', {
          offset: Number(session.offset_bytes),
        });
      if (Number(found[0]!.offset_bytes) === length) await this.#finish(tx, principal, scopeOf(session));
    });
  }

  /** Blob first, then row and offset together: the offset never names a byte that a power cut could take. */
  async #append(principal: Principal, session: UploadSessionRow, piece: Piece): Promise<void> {
    const scope = scopeOf(session);
    const { segments } = this.objects;
    const staged = await segments.stage(scope, session.wrapped_key, piece.start, piece.take());
    try {
      await this.db.tx(async (tx) => {
        const [moved] = await rows<{ done: boolean }>(
          tx,
          `UPDATE upload_sessions SET offset_bytes = $4 WHERE tenant_id = $1 AND id = $2 AND offset_bytes = $3 AND state = 'receiving'
           RETURNING coalesce(offset_bytes = length_bytes, false) AS done`,
          [scope.tenantId, scope.uploadId, staged.start, staged.start + staged.bytes],
        );
        if (!moved)
          throw new UploadOffsetConflictError('Another request has written meanwhile. Ask with HEAD and go on from there.');
        await segments.commit(tx, scope, staged);
        if (moved.done) await this.#finish(tx, principal, scope);
      });
    } catch (error) {
      // Only where nothing was committed for certain: after a lost COMMIT the row may stand. The discard job takes what is left over.
      if (error instanceof UploadOffsetConflictError) await segments.discard(staged);
      throw error;
    }
  }

  /** Every byte is here: a worker looks at them. */
  async #finish(tx: Tx, principal: Principal, scope: SegmentScope): Promise<void> {
    await rows(tx, `UPDATE upload_sessions SET state = 'checking' WHERE id = $1`, [scope.uploadId]);
    await this.#enqueue(tx, principal, UPLOAD_CHECK_JOB, scope, 0);
  }

  async #enqueue(tx: Tx, principal: Principal, kind: string, scope: SegmentScope, delaySeconds: number): Promise<void> {
    await this.jobs.enqueue(tx, {
      tenantId: scope.tenantId,
      kind,
      subjectId: scope.subjectId,
      payload: { uploadId: scope.uploadId },
      delaySeconds,
      requestId: principal.requestId,
    });
  }

  #requireSize(kind: UploadKind, bytes: number): void {
    const limit = this.#limitOf(kind);
    if (bytes > limit) throw overrun(true, limit);
  }
}

export const scopeOf = (session: UploadSessionRow): SegmentScope => ({
  tenantId: session.tenant_id,
  subjectId: session.subject_id,
  uploadId: session.id,
});

function requireReceiving(session: UploadSessionRow, offset: number): void {
  if (session.state === 'expired')
    throw new UploadExpiredError('This upload was not finished within 24 hours; its bytes are gone. Begin a new one.');
  if (session.state !== 'receiving' || Number(session.offset_bytes) !== offset) {
    throw new UploadOffsetConflictError(
      `The upload stands at byte ${session.offset_bytes}. Ask with HEAD and go on from there.`,
      {
        offset: Number(session.offset_bytes),
      },
    );
  }
}

const overrun = (limit: boolean, end: number): UploadTooLargeError | UploadLengthError =>
  limit
    ? new UploadTooLargeError(`An upload may have up to ${end} bytes. Send a shorter or smaller clip.`, { limit: end })
    : new UploadLengthError(`The upload was announced with ${end} bytes, and more were sent.`, { length: end });

/** The person must be known and not erased, and a consent that is named must be theirs. A link opens its own consent only. */
async function requirePerson(tx: Tx, principal: Principal, upload: z.output<typeof newUpload>): Promise<void> {
  const { link } = principal;
  if (link && (upload.kind !== 'consent-clip' || upload.consentId !== link.consentId || upload.subjectId !== link.subjectId))
    throw new NotFoundError('This link is for the clip of its own consent only.');
  const [subject] = await rows<{ state: string }>(tx, 'SELECT state FROM subjects WHERE tenant_id = $1 AND id = $2 FOR SHARE', [
    principal.tenantId,
    upload.subjectId,
  ]);
  if (!subject) throw new NotFoundError('There is no subject with this id.');
  if (subject.state !== 'active') throw new ErasedError("This person's data was erased; the subject cannot be used again.");
  if (upload.consentId === undefined) return;
  const consent = await rows(tx, 'SELECT 1 FROM consents WHERE tenant_id = $1 AND id = $2 AND subject_id = $3', [
    principal.tenantId,
    upload.consentId,
    upload.subjectId,
  ]);
  if (consent.length === 0) throw new NotFoundError('There is no consent with this id.');
}

/** Two that begin at once may both be let in: the limit is against thousands. */
async function requireFewUnderWay(tx: Tx, { tenantId, subjectId }: SegmentScope): Promise<void> {
  const [{ open }] = (await rows<{ open: number }>(
    tx,
    `SELECT count(*)::int AS open FROM upload_sessions WHERE tenant_id = $1 AND subject_id = $2 AND state = 'receiving'`,
    [tenantId, subjectId],
  )) as [{ open: number }];
  if (open >= MOST_UNDER_WAY)
    throw new UploadsUnderWayError(
      `${open} uploads of this person are under way. Finish them, or give them up (DELETE), first.`,
      {
        limit: MOST_UNDER_WAY,
        retry_after: 60,
      },
    );
}

/** The client's doing, not ours: the socket broke while we were reading from it. */
const isDisconnect = (error: unknown): boolean =>
  ['ECONNRESET', 'ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Plain bytes that have arrived and are not written yet. */
class Piece {
  #parts: Uint8Array[] = [];
  #since = 0;
  bytes = 0;

  /** Where its first byte stands in the upload. */
  constructor(public start: number) {}

  get end(): number {
    return this.start + this.bytes;
  }

  /** Milliseconds since its first byte came. */
  get age(): number {
    return this.bytes === 0 ? 0 : performance.now() - this.#since;
  }

  add(chunk: Uint8Array): void {
    if (this.bytes === 0) this.#since = performance.now();
    this.#parts.push(chunk);
    this.bytes += chunk.length;
  }

  /** Its bytes; the next piece begins behind them. */
  take(): Buffer {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.start += this.bytes;
    this.bytes = 0;
    return whole;
  }
}
