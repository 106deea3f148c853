import type { Audit } from '#audit';
import { type ConsentRow, ConsentScopeError, type ConsentService, isConsentRefusal } from '#consent';
import { type Db, rows } from '#db';
import { type Principal, type Tx, DomainError, InvalidInputError, NotFoundError, StateConflictError, newId } from '#kernel';
import { requireReady } from '#provenance';
import { type JobHandler, type JobOutcome, type Jobs, type Lease, jobStandings, recordJobEvent } from '#queue';
import { type MarkRegistry, type ReplicaRow, ReplicaNotActiveError, type ReplicasService, type SigningKit } from '#replicas';
import type { Objects, Scratch } from '#storage';
import { type MediaKit, type UploadsService, workerPrincipal } from '#uploads';
import { type MadeRender, RenderMaker } from './render-maker.ts';
import { RenderNews, type RenderProgress } from './render-news.ts';
import { type RenderWire, toWire } from './render-wire.ts';
import type { RenderRow } from './rendering.entities.ts';
import { type RenderRequest, renderRequestSchema } from './rendering.schema.ts';
import { type RenderState, renderTransitions } from './rendering.states.ts';

export const RENDER_JOB = 'render.run';

export interface RenderingDeps {
  readonly db: Db;
  readonly audit: Audit;
  readonly jobs: Jobs;
  readonly consent: ConsentService;
  readonly uploads: UploadsService;
  readonly replicas: ReplicasService;
  readonly marks: MarkRegistry;
  readonly objects: Objects;
  readonly scratch: Scratch;
  readonly media: MediaKit;
  readonly signing: SigningKit;
}

/** What the render's state is in each stage of the work. */
const STATE_OF: Partial<Readonly<Record<RenderProgress['stage'], RenderState>>> = {
  drive: 'rendering',
  mark: 'marking',
  self_check: 'self_check',
};

export class RenderingService implements JobHandler {
  readonly kind = RENDER_JOB;
  onProgress: ((renderId: string, progress: RenderProgress) => void) | undefined;

  readonly #maker: RenderMaker;

  constructor(private readonly deps: RenderingDeps) {
    this.#maker = new RenderMaker(deps);
  }

  /**
   * Row, event and job in one transaction, under the locks of consent and replica. A second call with the same `dedupeKey` gets the first
   * one's render. @throws the consent refusals and ReplicaNotActiveError, recorded in the log.
   */
  async request(principal: Principal, input: unknown, dedupeKey?: string): Promise<RenderRow> {
    const parsed = renderRequestSchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError('The render request has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    const request = parsed.data;
    requireReady(this.deps.signing.identity);
    const replica = await this.deps.replicas.get(principal.tenantId, request.replicaId);
    let id = newId();
    try {
      await this.deps.db.tx(async (tx) => {
        const consent = await this.#gate(tx, principal, replica, request);
        const jobId = await this.deps.jobs.enqueue(tx, {
          tenantId: principal.tenantId,
          kind: RENDER_JOB,
          subjectId: replica.subject_id,
          payload: { renderId: id },
          requestId: principal.requestId,
          ...(dedupeKey === undefined ? {} : { dedupeKey }),
        });
        const [job] = await rows<{ made: string }>(tx, `SELECT payload ->> 'renderId' AS made FROM jobs WHERE id = $1`, [jobId]);
        if (job!.made !== id) {
          id = job!.made; // asked for before
          return;
        }
        await requireRendersLeft(tx, consent);
        await rows(
          tx,
          `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, job_id, state, request)
           VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7)`,
          [id, principal.tenantId, replica.subject_id, replica.consent_id, replica.id, jobId, JSON.stringify(request)],
        );
        await this.deps.audit.append(tx, principal, {
          kind: 'render.requested',
          data: { renderId: id, replicaId: replica.id, consentId: replica.consent_id, purpose: request.purpose },
        });
      });
    } catch (error) {
      if (isConsentRefusal(error) || error instanceof ReplicaNotActiveError)
        await this.#recordRefusal(principal, 'render-request', error, replica);
      throw error;
    }
    return this.get(principal.tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<RenderRow> {
    const [row] = await this.deps.db.query<RenderRow>('SELECT * FROM renders WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no render with this id.');
    return row;
  }

  /** Signed registry rows: of one render, or of a tenant. They hold small pictures of the person, so ask for no more than you need. */
  async marks(tenantId: string, renderId?: string): Promise<string[]> {
    return this.deps.marks.list(tenantId, renderId);
  }

  /** The published bytes, for who stands beside the platform (the demo). Doors use `RenderDownloads`, which asks the consent first. */
  async read(tenantId: string, id: string): Promise<AsyncIterable<Uint8Array>> {
    const render = await this.get(tenantId, id);
    if (render.state !== 'published' || !render.object_id) throw new NotFoundError('This render is not published.');
    return this.deps.objects.read(tenantId, render.object_id);
  }

  /** One page, newest first: the ids after `after`. */
  async list(
    tenantId: string,
    filter: { state?: RenderState | undefined; replicaId?: string | undefined; after?: string | undefined; limit: number },
  ): Promise<RenderRow[]> {
    return this.deps.db.query<RenderRow>(
      `SELECT * FROM renders WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR replica_id = $3)
         AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
      [tenantId, filter.state ?? null, filter.replicaId ?? null, filter.after ?? null, filter.limit],
    );
  }

  /** As the API shows it, in the order given. */
  async views(found: readonly RenderRow[]): Promise<RenderWire[]> {
    const jobs = await jobStandings(
      this.deps.db,
      found.map((row) => row.job_id),
    );
    return found.map((row) => toWire(row, jobs.get(row.job_id ?? '')));
  }

  async view(tenantId: string, id: string): Promise<RenderWire> {
    const [view] = await this.views([await this.get(tenantId, id)]);
    return view!;
  }

  /** Asks for the end of a render that is being made. Idempotent. @throws StateConflictError when it has ended otherwise. */
  async cancel(principal: Principal, id: string): Promise<void> {
    const render = await this.get(principal.tenantId, id);
    await this.deps.db.tx((tx) => this.deps.jobs.cancel(tx, principal.tenantId, render.job_id!, 'user'));
    const { state } = await this.get(principal.tenantId, id);
    if (!OPEN_STATES.includes(state) && state !== 'cancelled')
      throw new StateConflictError(`This render has ended (${state}); it cannot be cancelled any more.`, { state });
  }

  async run(lease: Lease): Promise<void> {
    const principal = workerPrincipal(lease);
    const render = await this.get(lease.tenantId, String(lease.payload['renderId']));
    const replica = await this.deps.replicas.get(lease.tenantId, render.replica_id);
    const consent = await this.deps.db.tx((tx) => this.#gate(tx, principal, replica, render.request));
    const news = new RenderNews(
      lease,
      (progress) => this.onProgress?.(render.id, progress),
      async (stage) => {
        const state = STATE_OF[stage];
        if (state) await lease.commit((tx) => this.#move(tx, render.id, state));
      },
    );
    await this.deps.scratch.within(lease.attempt, async (scratch) => {
      const work = { lease, render, replica, consent, scratch };
      await news.begin('drive');
      const made = await this.#maker.make(work, news);
      await news.begin('self_check');
      await this.#maker.selfCheck(made, scratch);
      await news.begin('publish');
      // Published and marked as such, or neither: the lease fences, the consent's lock decides the race with a withdrawal.
      await lease.complete(async (tx) => {
        await this.#gate(tx, principal, replica, render.request);
        await this.#publish(tx, principal, render, made);
      });
      news.end('publish');
    });
  }

  async #publish(tx: Tx, principal: Principal, render: RenderRow, made: MadeRender): Promise<void> {
    const { staged, mark, signedMark, manifestSha256 } = made;
    await this.deps.objects.commit(tx, staged);
    const { tenant_id: tenantId, subject_id: subjectId, id: renderId } = render;
    await this.deps.marks.put(tx, { id: mark.id, tenantId, subjectId, kid: mark.kid, renderId, row: signedMark });
    const event = await this.deps.audit.append(tx, principal, {
      kind: 'render.published',
      data: { renderId: render.id, consentId: render.consent_id, sha256: staged.sha256, markId: mark.id, manifestSha256 },
    });
    await rows(
      tx,
      `UPDATE renders SET object_id = $2, sha256 = $3, mark_id = $4, published_event = $5, published_at = now() WHERE id = $1`,
      [render.id, staged.id, staged.sha256, mark.id, event],
    );
    await this.#end(tx, render.id, 'published');
  }

  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    const principal = workerPrincipal(lease);
    const renderId = String(lease.payload['renderId']);
    const slug = outcome.problem?.code ?? 'internal-error';
    if (outcome.state === 'queued') return this.#move(tx, renderId, 'queued');
    const [render] = await rows<RenderRow>(tx, 'SELECT * FROM renders WHERE id = $1', [renderId]);
    if (outcome.problem)
      await rows(tx, 'UPDATE renders SET error = $2 WHERE id = $1', [renderId, JSON.stringify(outcome.problem)]);
    if (outcome.state === 'cancelled' || slug.startsWith('consent-')) {
      // Stopped by a change of the consent: refused all the same, whether the news or the gate came first. One line of the log each time.
      const refusal = outcome.cancelReason === 'consent' ? await this.#consentSlug(tx, principal, render!) : slug;
      const { consent_id: consentId, subject_id: subjectId } = render!;
      if (refusal.startsWith('consent-'))
        await this.deps.audit.append(tx, principal, {
          kind: 'gate.refused',
          data: { gate: 'render', slug: refusal, consentId, subjectId, renderId },
        });
      await this.#end(tx, renderId, 'cancelled');
      await this.deps.audit.append(tx, principal, {
        kind: 'render.cancelled',
        data: { renderId, reason: outcome.cancelReason ?? 'consent' },
      });
    } else if (slug === 'watermark-not-readable' || slug === 'self-check-failed') {
      await this.#end(tx, renderId, 'quarantined');
      await this.deps.audit.append(tx, principal, { kind: 'render.quarantined', data: { renderId, slug } });
    } else {
      await this.#end(tx, renderId, 'failed');
      await this.deps.audit.append(tx, principal, { kind: 'render.failed', data: { renderId, slug } });
    }
  }

  /**
   * A consent that ended or paused cancels what is being made on it. One that ended disables what was published: nobody gets it from us
   * any more. A pause only stops downloads while it lasts, which `RenderDownloads` sees for itself.
   */
  async followConsent(tx: Tx, principal: Principal, consentId: string, state: string): Promise<void> {
    if (state === 'given') return;
    if (state !== 'paused') await this.#disable(tx, principal, consentId);
    if (state === 'erased') {
      await this.deps.marks.forget(tx, principal.tenantId, consentId);
      return;
    }
    // No row lock: an effect locks its job first, and cancel() below decides by the job's own state.
    const open = await rows<RenderRow>(
      tx,
      `SELECT * FROM renders WHERE tenant_id = $1 AND consent_id = $2 AND state = ANY($3) ORDER BY id`,
      [principal.tenantId, consentId, OPEN_STATES],
    );
    for (const render of open) if (render.job_id) await this.deps.jobs.cancel(tx, principal.tenantId, render.job_id, 'consent');
  }

  async #disable(tx: Tx, principal: Principal, consentId: string): Promise<void> {
    const disabled = await rows<{ id: string }>(
      tx,
      `UPDATE renders SET state = 'disabled' WHERE tenant_id = $1 AND consent_id = $2 AND state = 'published' RETURNING id`,
      [principal.tenantId, consentId],
    );
    for (const { id } of disabled)
      await this.deps.audit.append(tx, principal, { kind: 'render.disabled', data: { renderId: id } });
  }

  /** What the gate would say now to this render. */
  async #consentSlug(tx: Tx, principal: Principal, render: RenderRow): Promise<string> {
    const { purpose } = render.request;
    try {
      await this.deps.consent.require(tx, principal, render.consent_id, { purpose, subjectId: render.subject_id });
      return 'consent-paused'; // paused, and resumed before the job heard of it
    } catch (error) {
      if (isConsentRefusal(error)) return error.problem.slug;
      throw error;
    }
  }

  async #gate(tx: Tx, principal: Principal, replica: ReplicaRow, request: RenderRequest): Promise<ConsentRow> {
    const consent = await this.deps.consent.require(tx, principal, replica.consent_id, {
      purpose: request.purpose,
      subjectId: replica.subject_id,
    });
    await this.deps.replicas.requireActive(tx, principal.tenantId, replica.id);
    return consent;
  }

  async #recordRefusal(principal: Principal, gate: string, error: DomainError, replica: ReplicaRow): Promise<void> {
    const data = {
      gate,
      slug: error.problem.slug,
      consentId: replica.consent_id,
      subjectId: replica.subject_id,
      replicaId: replica.id,
    };
    await this.deps.db.tx((tx) => this.deps.audit.append(tx, principal, { kind: 'gate.refused', data }));
  }

  async #move(tx: Tx, id: string, to: RenderState): Promise<void> {
    const [row] = await rows<RenderRow>(tx, 'SELECT * FROM renders WHERE id = $1 FOR UPDATE', [id]);
    if (row!.state === to) return;
    renderTransitions.require(row!.state, to);
    await rows(tx, 'UPDATE renders SET state = $2 WHERE id = $1', [id, to]);
    await recordJobEvent(tx, row!.job_id!, 'state', { state: to });
  }

  /** The last state that the job brings the render to, and the end of its stream of events. */
  async #end(tx: Tx, id: string, to: RenderState): Promise<void> {
    await this.#move(tx, id, to);
    const [row] = await rows<RenderRow>(tx, 'SELECT * FROM renders WHERE id = $1', [id]);
    await recordJobEvent(tx, row!.job_id!, 'end', { state: to, error: row!.error, sha256: row!.sha256 });
  }
}

/** States in which a job of the render may still be working. */
const OPEN_STATES: readonly RenderState[] = ['queued', 'rendering', 'marking', 'self_check'];

/**
 * How many renders the person agreed to. The gate holds the consent FOR SHARE, which two requests may do at once: so a consent with a
 * number has an advisory lock of its own, taken after it, and the count sees every render that was asked for before.
 * @throws ConsentScopeError
 */
async function requireRendersLeft(tx: Tx, consent: ConsentRow): Promise<void> {
  const { max_renders: most } = consent.scope;
  if (most === null) return;
  await rows(tx, `SELECT pg_advisory_xact_lock(hashtextextended('renders|' || $1, 0))`, [consent.id]);
  const [{ made }] = (await rows<{ made: number }>(
    tx,
    `SELECT count(*)::int AS made FROM renders WHERE consent_id = $1 AND state NOT IN ('denied', 'cancelled', 'failed', 'quarantined')`,
    [consent.id],
  )) as [{ made: number }];
  if (made >= most)
    throw new ConsentScopeError(`The person agreed to ${most} renders, and ${made} were made or are being made.`, {
      max_renders: most,
      made,
    });
}
