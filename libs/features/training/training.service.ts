import type { Audit } from '#audit';
import { type ConsentRow, type ConsentService, isConsentRefusal, sha256Hex } from '#consent';
import { type Db, rows } from '#db';
import { FootageNotSubjectError, type SubjectsService } from '#identity';
import { type Principal, type ProblemDocument, type Tx, DomainError, InvalidInputError, NotFoundError, newId } from '#kernel';
import { type ConsentAssertion, requireReady } from '#provenance';
import type { JobHandler, JobOutcome, Jobs, Lease } from '#queue';
import type { ReplicasService, SigningKit } from '#replicas';
import type { Objects, Scratch } from '#storage';
import type { MediaKit, UploadsService } from '#uploads';
import type { TrainingRow } from './training.entities.ts';
import type { TrainingTools } from './training.tools.ts';
import { PIPELINE, type TrainingContext } from './training.pipeline.ts';
import { type TrainingOptions, type TrainingProgress, trainingRequestSchema } from './training.schema.ts';
import { type TrainingState, trainingTransitions } from './training.states.ts';

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

  /** Row, audit event and job in one transaction, under the consent's lock. @throws the consent refusals, recorded in the log. */
  async start(principal: Principal, input: unknown): Promise<TrainingRow> {
    const parsed = trainingRequestSchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError('The training request has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    const { consentId, uploadId, options } = parsed.data;
    requireReady(this.deps.signing.identity);
    const upload = await this.deps.uploads.get(principal.tenantId, uploadId);
    const id = newId();
    try {
      await this.deps.db.tx(async (tx) => {
        await this.deps.consent.require(tx, principal, consentId, { purpose: options.purpose, subjectId: upload.subject_id });
        await rows(
          tx,
          `INSERT INTO trainings (id, tenant_id, subject_id, consent_id, upload_id, state, options) VALUES ($1, $2, $3, $4, $5, 'queued', $6)`,
          [id, principal.tenantId, upload.subject_id, consentId, uploadId, JSON.stringify(options)],
        );
        await this.deps.audit.append(tx, principal, {
          kind: 'training.requested',
          data: { trainingId: id, consentId, uploadId, subjectId: upload.subject_id },
        });
        const jobId = await this.deps.jobs.enqueue(tx, {
          tenantId: principal.tenantId,
          kind: TRAINING_JOB,
          subjectId: upload.subject_id,
          payload: { trainingId: id },
        });
        await rows(tx, 'UPDATE trainings SET job_id = $2 WHERE id = $1', [id, jobId]);
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

  /** The worker's side: gate again with the lease in hand, then the list of steps. */
  async run(lease: Lease): Promise<void> {
    const principal = this.#principalOf(lease.tenantId);
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
      const context: TrainingContext = {
        lease,
        training,
        consent,
        options: training.options as TrainingOptions,
        scratch,
        tools: this.#tools(),
        emit: this.#emitter(lease, training.id),
      };
      for (const step of PIPELINE) {
        lease.signal.throwIfAborted();
        context.emit({ stage: step.name, done: 0, total: 1 });
        if (step.name !== 'seal') await lease.commit((tx) => this.#move(tx, training.id, step.state));
        await step.run(context);
        context.emit({ stage: step.name, done: 1, total: 1 });
      }
    });
  }

  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    const principal = this.#principalOf(lease.tenantId);
    const trainingId = String(lease.payload['trainingId']);
    if (outcome.state === 'queued') return this.#move(tx, trainingId, 'queued');
    if (outcome.state === 'cancelled')
      return this.#finish(tx, principal, trainingId, { state: 'cancelled', cancelReason: outcome.cancelReason ?? 'user' });
    const problem = outcome.problem!;
    const [training] = await rows<TrainingRow>(tx, 'SELECT * FROM trainings WHERE id = $1', [trainingId]);
    if (problem.code.startsWith('consent-') || problem.code === FOOTAGE_NOT_SUBJECT) {
      await this.deps.audit.append(tx, principal, {
        kind: 'gate.refused',
        data: {
          gate: problem.code === FOOTAGE_NOT_SUBJECT ? 'identity' : 'consent',
          slug: problem.code,
          consentId: training!.consent_id,
          subjectId: training!.subject_id,
          trainingId,
        },
      });
    }
    if (problem.code.startsWith('consent-'))
      return this.#finish(tx, principal, trainingId, { state: 'cancelled', cancelReason: 'consent', error: problem });
    const rejected = training!.state === 'preflight' && problem.status < 500;
    await this.#finish(tx, principal, trainingId, { state: rejected ? 'preflight_rejected' : 'failed', error: problem });
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

  #emitter(lease: Lease, trainingId: string): (progress: TrainingProgress) => void {
    let lastWrite = 0;
    return (progress) => {
      this.onProgress?.(trainingId, progress);
      if (Date.now() - lastWrite < 1000) return;
      lastWrite = Date.now();
      // A lost lease or a cancellation shows at the next step; progress itself is only news.
      lease.progress({ ...progress }).catch((error: unknown) => {
        if (!(error instanceof DomainError)) throw error;
      });
    };
  }

  #tools(): TrainingTools {
    const { consent, uploads, subjects, replicas, objects, media, signing } = this.deps;
    return {
      consent, uploads, subjects, replicas, objects, media, signing,
      principalOf: (tenantId) => this.#principalOf(tenantId),
      consentAssertion: (row) => consentAssertionOf(consent, row),
      finish: (tx, principal, id, end) => this.#finish(tx, principal, id, end),
      ...(this.onEvaluated ? { onEvaluated: this.onEvaluated } : {}),
    }; // prettier-ignore
  }

  #principalOf(tenantId: string): Principal {
    return { tenantId, actorId: 'worker', roles: ['system'] };
  }

  async #move(tx: Tx, id: string, to: TrainingState): Promise<void> {
    const [row] = await rows<TrainingRow>(tx, 'SELECT * FROM trainings WHERE id = $1 FOR UPDATE', [id]);
    if (row!.state === to) return;
    trainingTransitions.require(row!.state, to);
    await rows(tx, 'UPDATE trainings SET state = $2 WHERE id = $1', [id, to]);
  }

  async #finish(
    tx: Tx,
    principal: Principal,
    id: string,
    end: { state: TrainingState; replicaId?: string; error?: ProblemDocument; cancelReason?: string },
  ): Promise<void> {
    await rows(
      tx,
      `UPDATE trainings SET state = $2, replica_id = $3, error = $4, cancel_reason = $5, finished_at = now() WHERE id = $1`,
      [id, end.state, end.replicaId ?? null, end.error ? JSON.stringify(end.error) : null, end.cancelReason ?? null],
    );
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
