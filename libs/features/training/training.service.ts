import type { Audit } from '#audit';
import { type ConsentRow, type ConsentService, isConsentRefusal, sha256Hex } from '#consent';
import { type Db, rows } from '#db';
import { FootageNotSubjectError, type SubjectsService } from '#identity';
import { type Principal, type ProblemDocument, type Tx, type DomainError, InvalidInputError, NotFoundError, StateConflictError, newId } from '#kernel'; // prettier-ignore
import { type ConsentAssertion, requireReady } from '#provenance';
import { type JobHandler, JobNews, type JobOutcome, type Jobs, type Lease, jobStandings, recordJobEvent } from '#queue';
import type { ReplicasService, SigningKit } from '#replicas';
import type { Objects, Scratch } from '#storage';
import { type MediaKit, type UploadsService, workerPrincipal } from '#uploads';
import type { TrainingRow } from './training.entities.ts';
import type { TrainingTools } from './training.tools.ts';
import { PIPELINE, type TrainingContext } from './training.pipeline.ts';
import { TRAINING_SHARES } from './training.progress.ts';
import { type TrainingOptions, type TrainingProgress, trainingRequestSchema } from './training.schema.ts';
import { type TrainingState, trainingTransitions } from './training.states.ts';
import { type TrainingWire, toWire } from './training-wire.ts';

export const TRAINING_JOB = 'training.run';

export interface TrainingDeps {
  readonly db: Db;
  readonly audit: Audit;
  readonly jobs: Jobs;
  readonly consent: ConsentService;
  readonly uploads: UploadsService;
  readonly subjects: SubjectsService;
  readonly replicas: ReplicasService;
  readonly objects: Objects;
  readonly scratch: Scratch;
  readonly media: MediaKit;
  readonly signing: SigningKit;
}

/** Consent assertion of a manifest: an opaque link and hashes, nothing about the person. */
export function consentAssertionOf(service: ConsentService, consent: ConsentRow): ConsentAssertion {
  return {
    status_url: service.statusUrl(consent),
    record_sha256: consent.record_sha256 ?? '',
    scope_sha256: sha256Hex(JSON.stringify(consent.scope)),
    assurance: consent.assurance,
  };
}

export class TrainingService implements JobHandler {
  readonly kind = TRAINING_JOB;
  /** Set by whoever watches in this process (the demo); other watchers read the job row. */
  onProgress: ((trainingId: string, progress: TrainingProgress) => void) | undefined;
  onEvaluated: TrainingTools['onEvaluated'];

  constructor(private readonly deps: TrainingDeps) {}

  /**
   * Row, audit event and job in one transaction, under the consent's lock. A second call with the same `dedupeKey` gets the first one's
   * training. @throws the consent refusals, recorded in the log.
   */
  async start(principal: Principal, input: unknown, dedupeKey?: string): Promise<TrainingRow> {
    const parsed = trainingRequestSchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError('The training request has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    const { consentId, uploadId, options } = parsed.data;
    requireReady(this.deps.signing.identity);
    const upload = await this.deps.uploads.get(principal.tenantId, uploadId);
    let id = newId();
    try {
      await this.deps.db.tx(async (tx) => {
        await this.deps.consent.require(tx, principal, consentId, { purpose: options.purpose, subjectId: upload.subject_id });
        const jobId = await this.deps.jobs.enqueue(tx, {
          tenantId: principal.tenantId,
          kind: TRAINING_JOB,
          subjectId: upload.subject_id,
          payload: { trainingId: id },
          requestId: principal.requestId,
          ...(dedupeKey === undefined ? {} : { dedupeKey }),
        });
        const [job] = await rows<{ made: string }>(tx, `SELECT payload ->> 'trainingId' AS made FROM jobs WHERE id = $1`, [
          jobId,
        ]);
        if (job!.made !== id) {
          id = job!.made; // asked for before
          return;
        }
        await rows(
          tx,
          `INSERT INTO trainings (id, tenant_id, subject_id, consent_id, upload_id, job_id, state, options)
           VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7)`,
          [id, principal.tenantId, upload.subject_id, consentId, uploadId, jobId, JSON.stringify(options)],
        );
        await this.deps.audit.append(tx, principal, {
          kind: 'training.requested',
          data: { trainingId: id, consentId, uploadId, subjectId: upload.subject_id },
        });
      });
    } catch (error) {
      if (isConsentRefusal(error))
        await this.#recordRefusal(principal, 'training-request', error, { consentId, subjectId: upload.subject_id });
      throw error;
    }
    return this.get(principal.tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<TrainingRow> {
    const [row] = await this.deps.db.query<TrainingRow>('SELECT * FROM trainings WHERE tenant_id = $1 AND id = $2', [
      tenantId,
      id,
    ]);
    if (!row) throw new NotFoundError('There is no training with this id.');
    return row;
  }

  /** One page, newest first: the ids after `after`. */
  async list(
    tenantId: string,
    filter: { state?: TrainingState | undefined; subjectId?: string | undefined; after?: string | undefined; limit: number },
  ): Promise<TrainingRow[]> {
    return this.deps.db.query<TrainingRow>(
      `SELECT * FROM trainings WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR subject_id = $3)
         AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
      [tenantId, filter.state ?? null, filter.subjectId ?? null, filter.after ?? null, filter.limit],
    );
  }

  /** As the API shows it, in the order given: with what the jobs last told and how long their stages took. */
  async views(found: readonly TrainingRow[]): Promise<TrainingWire[]> {
    const jobs = await jobStandings(
      this.deps.db,
      found.map((row) => row.job_id),
    );
    return found.map((row) => toWire(row, jobs.get(row.job_id ?? '')));
  }

  async view(tenantId: string, id: string): Promise<TrainingWire> {
    const [view] = await this.views([await this.get(tenantId, id)]);
    return view!;
  }

  /** Asks for the end of a training. Idempotent. @throws StateConflictError when it has ended otherwise. */
  async cancel(principal: Principal, id: string): Promise<TrainingRow> {
    const training = await this.get(principal.tenantId, id);
    await this.deps.db.tx((tx) => this.deps.jobs.cancel(tx, principal.tenantId, training.job_id!, 'user'));
    const after = await this.get(principal.tenantId, id);
    if (after.finished_at !== null && after.state !== 'cancelled')
      throw new StateConflictError(`This training has ended (${after.state}); it cannot be cancelled any more.`, {
        state: after.state,
      });
    return after;
  }

  /** The worker's side: gate again with the lease in hand, then the list of steps. */
  async run(lease: Lease): Promise<void> {
    const principal = workerPrincipal(lease);
    const training = await this.get(lease.tenantId, String(lease.payload['trainingId']));
    const consent = await this.deps.db.tx((tx) =>
      this.deps.consent.require(tx, principal, training.consent_id, {
        purpose: (training.options as TrainingOptions).purpose,
        subjectId: training.subject_id,
      }),
    );
    await lease.commit((tx) =>
      this.deps.audit
        .append(tx, principal, { kind: 'training.started', data: { trainingId: training.id, epoch: lease.epoch } })
        .then(() => undefined),
    );
    await this.deps.scratch.within(lease.attempt, async (scratch) => {
      const news = new JobNews<TrainingProgress['stage'], TrainingProgress>(lease, TRAINING_SHARES, (progress) =>
        this.onProgress?.(training.id, progress),
      );
      const context: TrainingContext = {
        lease,
        training,
        consent,
        options: training.options as TrainingOptions,
        scratch,
        tools: this.#tools(principal),
        emit: (progress) => news.tell(progress),
      };
      for (const step of PIPELINE) {
        lease.signal.throwIfAborted();
        await news.begin(step.name);
        if (step.name !== 'seal') await lease.commit((tx) => this.#move(tx, training.id, step.state));
        await step.run(context);
        news.end(step.name);
      }
    });
  }

  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    const principal = workerPrincipal(lease);
    const trainingId = String(lease.payload['trainingId']);
    if (outcome.state === 'queued') return this.#move(tx, trainingId, 'queued');
    const [training] = await rows<TrainingRow>(tx, 'SELECT * FROM trainings WHERE id = $1', [trainingId]);
    const { problem } = outcome;
    // Stopped by a change of the consent: refused all the same, whether the news or the gate came first. One line of the log each time.
    const refusal = outcome.cancelReason === 'consent' ? await this.#consentSlug(tx, principal, training!) : problem?.code;
    if (refusal?.startsWith('consent-') || refusal === FOOTAGE_NOT_SUBJECT) {
      await this.deps.audit.append(tx, principal, {
        kind: 'gate.refused',
        data: {
          gate: refusal === FOOTAGE_NOT_SUBJECT ? 'identity' : 'consent',
          slug: refusal,
          consentId: training!.consent_id,
          subjectId: training!.subject_id,
          trainingId,
        },
      });
    }
    if (outcome.state === 'cancelled')
      return this.#finish(tx, principal, trainingId, { state: 'cancelled', cancelReason: outcome.cancelReason ?? 'user' });
    if (problem!.code.startsWith('consent-'))
      return this.#finish(tx, principal, trainingId, { state: 'cancelled', cancelReason: 'consent', error: problem! });
    const rejected = training!.state === 'preflight' && problem!.status < 500;
    await this.#finish(tx, principal, trainingId, { state: rejected ? 'preflight_rejected' : 'failed', error: problem! });
  }

  /** What the gate would say now to this training. */
  async #consentSlug(tx: Tx, principal: Principal, training: TrainingRow): Promise<string> {
    const { purpose } = training.options as TrainingOptions;
    try {
      await this.deps.consent.require(tx, principal, training.consent_id, { purpose, subjectId: training.subject_id });
      return 'consent-paused'; // paused, and resumed before the job heard of it
    } catch (error) {
      if (isConsentRefusal(error)) return error.problem.slug;
      throw error;
    }
  }

  /** A consent that ended or paused cancels what runs on it. */
  async followConsent(tx: Tx, principal: Principal, consentId: string, state: string): Promise<void> {
    if (state === 'given') return;
    // No row lock: an effect locks its job first, and cancel() below decides by the job's own state.
    const running = await rows<TrainingRow>(
      tx,
      `SELECT * FROM trainings WHERE tenant_id = $1 AND consent_id = $2 AND finished_at IS NULL ORDER BY id`,
      [principal.tenantId, consentId],
    );
    for (const training of running)
      if (training.job_id) await this.deps.jobs.cancel(tx, principal.tenantId, training.job_id, 'consent');
  }

  #tools(principal: Principal): TrainingTools {
    const { consent, uploads, subjects, replicas, objects, media, signing } = this.deps;
    return {
      consent, uploads, subjects, replicas, objects, media, signing,
      principal,
      consentAssertion: (row) => consentAssertionOf(consent, row),
      finish: (tx, id, end) => this.#finish(tx, principal, id, end),
      ...(this.onEvaluated ? { onEvaluated: this.onEvaluated } : {}),
    }; // prettier-ignore
  }

  async #move(tx: Tx, id: string, to: TrainingState): Promise<void> {
    const [row] = await rows<TrainingRow>(tx, 'SELECT * FROM trainings WHERE id = $1 FOR UPDATE', [id]);
    if (row!.state === to) return;
    trainingTransitions.require(row!.state, to);
    await rows(tx, 'UPDATE trainings SET state = $2 WHERE id = $1', [id, to]);
    await recordJobEvent(tx, row!.job_id!, 'state', { state: to });
  }

  async #finish(
    tx: Tx,
    principal: Principal,
    id: string,
    end: { state: TrainingState; replicaId?: string; error?: ProblemDocument; cancelReason?: string },
  ): Promise<void> {
    const [row] = await rows<TrainingRow>(
      tx,
      `UPDATE trainings SET state = $2, replica_id = $3, error = $4, cancel_reason = $5, finished_at = now() WHERE id = $1 RETURNING *`,
      [id, end.state, end.replicaId ?? null, end.error ? JSON.stringify(end.error) : null, end.cancelReason ?? null],
    );
    const { state, replica_id, cancel_reason, error } = row!;
    await recordJobEvent(tx, row!.job_id!, 'state', { state });
    await recordJobEvent(tx, row!.job_id!, 'end', { state, replica_id, cancel_reason, error });
    if (end.state === 'succeeded')
      await this.deps.audit.append(tx, principal, {
        kind: 'training.succeeded',
        data: { trainingId: id, replicaId: end.replicaId! },
      });
    else if (end.state === 'cancelled')
      await this.deps.audit.append(tx, principal, {
        kind: 'training.cancelled',
        data: { trainingId: id, reason: end.cancelReason ?? 'user' },
      });
    else
      await this.deps.audit.append(tx, principal, {
        kind: 'training.failed',
        data: { trainingId: id, slug: end.error?.code ?? 'internal-error' },
      });
  }

  async #recordRefusal(
    principal: Principal,
    gate: string,
    error: DomainError,
    ids: { consentId: string; subjectId: string },
  ): Promise<void> {
    await this.deps.db.tx((tx) =>
      this.deps.audit.append(tx, principal, { kind: 'gate.refused', data: { gate, slug: error.problem.slug, ...ids } }),
    );
  }
}

const FOOTAGE_NOT_SUBJECT = new FootageNotSubjectError('').problem.slug;
