import { Readable } from 'node:stream';
import type { Audit } from '#audit';
import { type ConsentService, ConsentWithdrawnError, isConsentRefusal } from '#consent';
import type { Db } from '#db';
import { type Principal, DomainError } from '#kernel';
import { ErasedError } from '#keys';
import type { ObjectRow, Objects } from '#storage';
import type { RenderRow } from './rendering.entities.ts';
import { RenderNotPublishedError, RenderWithheldError } from './rendering.errors.ts';
import type { RenderingService } from './rendering.service.ts';

/** How often running downloads are held against their consents: at most this long do bytes flow after a withdrawal. */
const CHECK_MS = 1000;

export interface RenderDownloadDeps {
  readonly db: Db;
  readonly audit: Audit;
  readonly consent: ConsentService;
  readonly objects: Objects;
  readonly renders: RenderingService;
}

/**
 * Published bytes, for as long as their consent is in force: asked when a download begins, and every second while it runs. The answer
 * comes from the consent's own row, so it does not wait for the job that follows a withdrawal (case LE-01).
 */
export class RenderDownloads {
  readonly #running = new Map<Readable, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly deps: RenderDownloadDeps,
    private readonly checkMs = CHECK_MS,
  ) {}

  /**
   * @throws RenderNotPublishedError 409; ErasedError 410; RenderWithheldError 410 `consent-withdrawn` or `consent-expired`, 403
   * `consent-paused`, which is in the log.
   */
  async require(principal: Principal, id: string): Promise<{ render: RenderRow; object: ObjectRow }> {
    const render = await this.deps.renders.get(principal.tenantId, id);
    await this.requireInForce(principal, render);
    if (render.state !== 'published' || render.object_id === null)
      throw new RenderNotPublishedError(`This render is ${render.state}. Only a published one can be downloaded.`, {
        state: render.state,
      });
    return { render, object: await this.deps.objects.get(principal.tenantId, render.object_id) };
  }

  /** Whether anything of this render may still be given to anybody. @throws ErasedError, RenderWithheldError */
  async requireInForce(principal: Principal, render: RenderRow): Promise<void> {
    const [subject] = await this.deps.db.query<{ state: string }>('SELECT state FROM subjects WHERE tenant_id = $1 AND id = $2', [
      principal.tenantId,
      render.subject_id,
    ]);
    if (subject?.state !== 'active') throw new ErasedError('The person in this render was erased, and the render with them.');
    try {
      if (render.state === 'disabled') throw new ConsentWithdrawnError('The consent behind this render has ended.');
      const use = { purpose: render.request.purpose, subjectId: render.subject_id };
      await this.deps.db.tx((tx) => this.deps.consent.require(tx, principal, render.consent_id, use));
    } catch (error) {
      if (!isConsentRefusal(error)) throw error;
      await this.#recordRefusal(principal, render, error);
      throw new RenderWithheldError(error);
    }
  }

  /** Plain bytes `start` up to, not including, `end`; the stream breaks when the consent ends. */
  open(tenantId: string, render: RenderRow, start: number, end: number): Readable {
    const stream = Readable.from(this.deps.objects.read(tenantId, render.object_id!, { start, end }), { objectMode: false });
    this.#running.set(stream, render.id);
    stream.once('close', () => this.#forget(stream));
    this.#timer ??= setInterval(() => void this.#check(), this.checkMs);
    return stream;
  }

  /** Streams that are running now: nothing is left of one whose client has gone. */
  get running(): number {
    return this.#running.size;
  }

  #forget(stream: Readable): void {
    this.#running.delete(stream);
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #check(): Promise<void> {
    const ids = [...new Set(this.#running.values())];
    let inForce: Set<string>;
    try {
      const found = await this.deps.db.query<{ id: string }>(
        `SELECT r.id FROM renders r JOIN consents c ON c.id = r.consent_id AND c.tenant_id = r.tenant_id
         WHERE r.id = ANY($1) AND r.state = 'published' AND c.state = 'given' AND c.valid_until >= clock_timestamp()`,
        [ids],
      );
      inForce = new Set(found.map(({ id }) => id));
    } catch (error) {
      // Nobody can tell us that it is still allowed: fail closed, and say so through the streams.
      for (const stream of this.#running.keys()) stream.destroy(error as Error);
      return;
    }
    for (const [stream, id] of this.#running)
      if (ids.includes(id) && !inForce.has(id))
        stream.destroy(new DownloadEndedError('The consent behind this render has ended.'));
  }

  async #recordRefusal(principal: Principal, render: RenderRow, error: DomainError): Promise<void> {
    const { id: renderId, consent_id: consentId, subject_id: subjectId, replica_id: replicaId } = render;
    const data = { gate: 'render-download', slug: error.problem.slug, consentId, subjectId, replicaId, renderId };
    await this.deps.db.tx((tx) => this.deps.audit.append(tx, principal, { kind: 'gate.refused', data }));
  }
}

/** Cuts a download that runs: the connection breaks, so that nobody takes the part for the whole. */
export class DownloadEndedError extends DomainError {
  override readonly problem = { slug: 'consent-withdrawn', status: 410, title: 'The consent has ended' } as const;
}
