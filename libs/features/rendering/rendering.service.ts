import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Audit } from '#audit';
import { type ConsentRow, type ConsentService, isConsentRefusal, sha256Hex } from '#consent';
import { type Db, rows } from '#db';
import { type Drive, decodeDriveTrack } from '#face';
import { decodeReplica } from '#gaussians';
import { type Principal, type Tx, InvalidInputError, NotFoundError, newId } from '#kernel';
import { decodeAudio, encodeVideo, probeMedia } from '#media';
import {
  AUDIO,
  type MarkRow,
  VideoMarker,
  markAudio,
  newMarkId,
  requireReady,
  signAsset,
  signMarkRow,
  thumbnailTrack,
  verify,
} from '#provenance';
import type { JobHandler, JobOutcome, Jobs, Lease } from '#queue';
import type { ReplicaRow, ReplicasService, SigningKit } from '#replicas';
import type { Objects, Scratch, StagedObject } from '#storage';
import type { MediaKit, UploadsService } from '#uploads';
import { sandboxedDecoder } from './probe-decoder.ts';
import { renderClip } from './render-picture.ts';
import type { RenderRow } from './rendering.entities.ts';
import { SelfCheckFailedError, WatermarkNotReadableError } from './rendering.errors.ts';
import { type RenderRequest, renderRequestSchema } from './rendering.schema.ts';
import { type RenderState, renderTransitions } from './rendering.states.ts';

export const RENDER_JOB = 'render.run';

export interface RenderProgress {
  readonly stage: 'drive' | 'render' | 'mark' | 'self_check' | 'publish';
  readonly done: number;
  readonly total: number;
}

export interface RenderingDeps {
  readonly db: Db;
  readonly audit: Audit;
  readonly jobs: Jobs;
  readonly consent: ConsentService;
  readonly uploads: UploadsService;
  readonly replicas: ReplicasService;
  readonly objects: Objects;
  readonly scratch: Scratch;
  readonly media: MediaKit;
  readonly signing: SigningKit;
}

/** Everything one render makes before it is published. */
interface MadeRender {
  readonly staged: StagedObject;
  readonly mark: MarkRow;
  readonly signedMark: string;
  readonly manifestSha256: string;
}

export class RenderingService implements JobHandler {
  readonly kind = RENDER_JOB;
  onProgress: ((renderId: string, progress: RenderProgress) => void) | undefined;

  constructor(private readonly deps: RenderingDeps) {}

  /** Row, event and job in one transaction, under the locks of consent and replica. */
  async request(principal: Principal, input: unknown): Promise<RenderRow> {
    const parsed = renderRequestSchema.safeParse(input);
    if (!parsed.success) throw new InvalidInputError('The render request has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    const request = parsed.data;
    requireReady(this.deps.signing.identity);
    const replica = await this.deps.replicas.get(principal.tenantId, request.replicaId);
    const id = newId();
    try {
      await this.deps.db.tx(async (tx) => {
        await this.#gate(tx, principal, replica, request);
        await rows(
          tx,
          `INSERT INTO renders (id, tenant_id, subject_id, consent_id, replica_id, state, request) VALUES ($1, $2, $3, $4, $5, 'queued', $6)`,
          [id, principal.tenantId, replica.subject_id, replica.consent_id, replica.id, JSON.stringify(request)],
        );
        await this.deps.audit.append(tx, principal, {
          kind: 'render.requested',
          data: { renderId: id, replicaId: replica.id, consentId: replica.consent_id, purpose: request.purpose },
        });
        const jobId = await this.deps.jobs.enqueue(tx, {
          tenantId: principal.tenantId,
          kind: RENDER_JOB,
          subjectId: replica.subject_id,
          payload: { renderId: id },
        });
        await rows(tx, 'UPDATE renders SET job_id = $2 WHERE id = $1', [id, jobId]);
      });
    } catch (error) {
      if (isConsentRefusal(error)) {
        const data = {
          gate: 'render-request',
          slug: error.problem.slug,
          consentId: replica.consent_id,
          subjectId: replica.subject_id,
        };
        await this.deps.db.tx((tx) => this.deps.audit.append(tx, principal, { kind: 'gate.refused', data }));
      }
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
    const found = await this.deps.db.query<{ row: string }>(
      'SELECT row FROM marks WHERE tenant_id = $1 AND ($2::uuid IS NULL OR render_id = $2) ORDER BY created_at, id',
      [tenantId, renderId ?? null],
    );
    return found.map(({ row }) => row);
  }

  /** The published bytes. Only of a published render. */
  async read(tenantId: string, id: string): Promise<AsyncIterable<Uint8Array>> {
    const render = await this.get(tenantId, id);
    if (render.state !== 'published' || !render.object_id) throw new NotFoundError('This render is not published.');
    return this.deps.objects.read(tenantId, render.object_id);
  }

  async run(lease: Lease): Promise<void> {
    const principal = this.#principalOf(lease.tenantId);
    const render = await this.get(lease.tenantId, String(lease.payload['renderId']));
    const replica = await this.deps.replicas.get(lease.tenantId, render.replica_id);
    const consent = await this.deps.db.tx((tx) => this.#gate(tx, principal, replica, render.request));
    await this.deps.scratch.within(lease.attempt, async (scratch) => {
      const made = await this.#make(lease, render, replica, consent, scratch);
      await lease.commit((tx) => this.#move(tx, render.id, 'self_check'));
      this.#emit(render.id, 'self_check', 0);
      await this.#selfCheck(made, scratch);
      this.#emit(render.id, 'publish', 0);
      // Published and marked as such, or neither: the lease fences, the consent's lock decides the race with a withdrawal.
      await lease.complete(async (tx) => {
        await this.#gate(tx, principal, replica, render.request);
        await this.deps.objects.commit(tx, made.staged);
        await rows(tx, `INSERT INTO marks (id, tenant_id, kid, render_id, row) VALUES ($1, $2, $3, $4, $5)`, [
          made.mark.id,
          lease.tenantId,
          made.mark.kid,
          render.id,
          made.signedMark,
        ]);
        await this.#move(tx, render.id, 'published');
        const event = await this.deps.audit.append(tx, principal, {
          kind: 'render.published',
          data: {
            renderId: render.id,
            consentId: consent.id,
            sha256: made.staged.sha256,
            markId: made.mark.id,
            manifestSha256: made.manifestSha256,
          },
        });
        await rows(
          tx,
          `UPDATE renders SET object_id = $2, sha256 = $3, mark_id = $4, published_event = $5, published_at = now() WHERE id = $1`,
          [render.id, made.staged.id, made.staged.sha256, made.mark.id, event],
        );
      });
      this.#emit(render.id, 'publish', 1);
    });
  }

  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    const principal = this.#principalOf(lease.tenantId);
    const renderId = String(lease.payload['renderId']);
    const slug = outcome.problem?.code ?? 'internal-error';
    if (outcome.state === 'queued') return this.#move(tx, renderId, 'queued');
    if (outcome.problem)
      await rows(tx, 'UPDATE renders SET error = $2 WHERE id = $1', [renderId, JSON.stringify(outcome.problem)]);
    if (outcome.state === 'cancelled' || slug.startsWith('consent-')) {
      if (slug.startsWith('consent-'))
        await this.deps.audit.append(tx, principal, { kind: 'gate.refused', data: { gate: 'render', slug, renderId } });
      await this.#move(tx, renderId, 'cancelled');
      await this.deps.audit.append(tx, principal, {
        kind: 'render.cancelled',
        data: { renderId, reason: outcome.cancelReason ?? 'consent' },
      });
    } else if (slug === 'watermark-not-readable' || slug === 'self-check-failed') {
      await this.#move(tx, renderId, 'quarantined');
      await this.deps.audit.append(tx, principal, { kind: 'render.quarantined', data: { renderId, slug } });
    } else {
      await this.#move(tx, renderId, 'failed');
      await this.deps.audit.append(tx, principal, { kind: 'render.failed', data: { renderId, slug } });
    }
  }

  /** A consent that ended or paused cancels what is being made on it; published renders follow the person's choice, later. */
  async followConsent(tx: Tx, principal: Principal, consentId: string, state: string): Promise<void> {
    if (state === 'given') return;
    if (state === 'erased') {
      // Registry rows carry thumbnails: a likeness, and the only one that does not lie under the person's key.
      await rows(tx, 'DELETE FROM marks WHERE tenant_id = $1 AND render_id IN (SELECT id FROM renders WHERE consent_id = $2)', [
        principal.tenantId,
        consentId,
      ]);
      return;
    }
    // No row lock: an effect locks its job first, and cancel() below decides by the job's own state.
    const open = await rows<RenderRow>(
      tx,
      `SELECT * FROM renders WHERE tenant_id = $1 AND consent_id = $2 AND state IN ('queued', 'rendering', 'marking', 'self_check') ORDER BY id`,
      [principal.tenantId, consentId],
    );
    for (const render of open) if (render.job_id) await this.deps.jobs.cancel(tx, principal.tenantId, render.job_id, 'consent');
  }

  async #gate(tx: Tx, principal: Principal, replica: ReplicaRow, request: RenderRequest): Promise<ConsentRow> {
    const consent = await this.deps.consent.require(tx, principal, replica.consent_id, {
      purpose: request.purpose,
      subjectId: replica.subject_id,
    });
    await this.deps.replicas.requireActive(tx, principal.tenantId, replica.id);
    return consent;
  }

  async #make(lease: Lease, render: RenderRow, replica: ReplicaRow, consent: ConsentRow, scratch: string): Promise<MadeRender> {
    const { objects, media, signing } = this.deps;
    await lease.commit((tx) => this.#move(tx, render.id, 'rendering'));
    this.#emit(render.id, 'drive', 0);
    const { drives, fps } = await this.#drive(lease.tenantId, replica, render.request);
    const sound = await this.#ownSound(lease, replica, render.request, drives.length / fps, scratch);
    const model = decodeReplica(await objects.readAll(lease.tenantId, replica.object_id));
    const markId = newMarkId();
    const [markKey] = signing.markKeys;
    const { size } = model.manifest;
    const clip = renderClip(model, drives, fps, new VideoMarker(markKey.key, markId, size, size), render.request.demo, (done) =>
      this.#emit(render.id, 'render', done, drives.length),
    );
    const marked = sound ? markAudio(sound, markKey.key, markId) : null;
    const unsigned = join(scratch, 'unsigned.mp4');
    const tags = { comment: render.request.demo ? 'DEMO. AI-generated with Assent.' : 'AI-generated with Assent.' };
    const audio = marked ? { samples: marked, sampleRate: AUDIO.sampleRate } : null;
    await encodeVideo(
      { out: unsigned, width: size, height: size, fps, frames: clip.frames(), audio, crf: 18, tags, signal: lease.signal },
      media.tools,
      media.sandbox,
    );
    await lease.commit((tx) => this.#move(tx, render.id, 'marking'));
    this.#emit(render.id, 'mark', 0);
    const signed = join(scratch, 'render.mp4');
    const manifest = await this.#sign(render, replica, consent, { unsigned, signed, scratch }, markId, marked !== null);
    const staged = await objects.stage(
      { tenantId: lease.tenantId, subjectId: replica.subject_id, kind: 'render', mediaType: 'video/mp4' },
      createReadStream(signed),
      lease.attempt,
    );
    const manifestSha256 = createHash('sha256').update(manifest).digest('hex');
    const mark: MarkRow = {
      id: markId,
      kid: markKey.kid,
      render_id: render.id,
      manifest_sha256: manifestSha256,
      asset_sha256: staged.sha256,
      media: marked ? ['video', 'audio'] : ['video'],
      thumbnails: thumbnailTrack(clip.kept) as MarkRow['thumbnails'],
      issued_at: new Date().toISOString(),
    };
    return {
      staged,
      mark,
      signedMark: await signMarkRow(mark, signing.identity.signer, signing.identity.chainPem),
      manifestSha256,
    };
  }

  async #drive(
    tenantId: string,
    replica: ReplicaRow,
    { start, seconds }: RenderRequest,
  ): Promise<{ drives: readonly Drive[]; fps: number }> {
    const track = decodeDriveTrack(JSON.parse((await this.deps.objects.readAll(tenantId, replica.drive_object_id)).toString()));
    const from = Math.round(start * track.fps);
    const drives = track.drives.slice(from, from + Math.round(seconds * track.fps));
    if (drives.length < track.fps)
      throw new InvalidInputError(
        `The coefficient track has ${(track.drives.length / track.fps).toFixed(1)} s; ask for a stretch inside it.`,
      );
    return { drives, fps: track.fps };
  }

  /** The voice is the subject's own, from the footage of this replica; silent footage gives a silent render. */
  async #ownSound(
    lease: Lease,
    replica: ReplicaRow,
    request: RenderRequest,
    seconds: number,
    scratch: string,
  ): Promise<Float32Array | null> {
    if (request.audio === 'none') return null;
    const [training] = await this.deps.db.query<{ upload_id: string }>('SELECT upload_id FROM trainings WHERE id = $1', [
      replica.training_id,
    ]);
    const path = join(scratch, 'footage');
    await this.deps.uploads.materialise(lease.tenantId, training!.upload_id, path);
    const { tools, sandbox } = this.deps.media;
    const probe = await probeMedia(path, tools, sandbox, undefined, lease.signal);
    return decodeAudio(
      path,
      probe,
      { sampleRate: AUDIO.sampleRate, start: request.start, duration: seconds, signal: lease.signal },
      tools,
      sandbox,
    );
  }

  async #sign(
    render: RenderRow,
    replica: ReplicaRow,
    consent: ConsentRow,
    files: { unsigned: string; signed: string; scratch: string },
    markId: string,
    hasAudioMark: boolean,
  ): Promise<Uint8Array> {
    const card = join(files.scratch, 'card.png');
    await pipeline(this.deps.objects.read(render.tenant_id, replica.card_object_id), createWriteStream(card, { mode: 0o600 }));
    const assertion = {
      status_url: this.deps.consent.statusUrl(consent),
      record_sha256: consent.record_sha256 ?? '',
      scope_sha256: sha256Hex(JSON.stringify(consent.scope)),
      assurance: consent.assurance,
    };
    return signAsset(
      { input: files.unsigned, output: files.signed, mimeType: 'video/mp4' },
      {
        title: render.request.demo ? 'DEMO render' : 'render',
        digitalSourceType: 'trainedAlgorithmicMedia',
        consent: assertion,
        lineage: { render_id: render.id, replica_id: replica.id, replica_sha256: replica.sha256 },
        softBindings: [
          { alg: 'dev.assent.watermark.video.1', value: markId },
          ...(hasAudioMark ? [{ alg: 'dev.assent.watermark.audio.1', value: markId }] : []),
        ],
      },
      [{ id: 'replica', title: `replica ${replica.id}`, path: card, mimeType: 'image/png' }],
      this.deps.signing.identity,
    );
  }

  /**
   * Reads both marks back from the very bytes that will be served. Nothing is published on faith: not the signature, not the picture's
   * mark, not the sound's.
   */
  async #selfCheck(made: MadeRender, scratch: string): Promise<void> {
    const { media, signing } = this.deps;
    const path = join(scratch, 'published.mp4');
    await pipeline(this.deps.objects.readStaged(made.staged), createWriteStream(path, { mode: 0o600 }));
    const report = await verify(path, {
      anchors: signing.identity.anchors,
      marks: [made.signedMark],
      detection: { keys: signing.markKeys, decoder: sandboxedDecoder(media.tools, media.sandbox) },
    });
    if (report.c2pa.state !== 'trusted')
      throw new SelfCheckFailedError(`Our own render reads back as ${report.c2pa.state}: ${report.c2pa.reasons.join(', ')}.`, {
        state: report.c2pa.state,
      });
    const { watermark } = report;
    if (watermark.video?.id !== made.mark.id || watermark.state !== 'match') {
      throw new WatermarkNotReadableError(
        `The mark in the picture reads back as ${watermark.state}. Render at another size or with another background.`,
        { state: watermark.state },
      );
    }
    if (made.mark.media.includes('audio') && watermark.audio?.id !== made.mark.id) {
      throw new WatermarkNotReadableError(
        'The mark in the sound cannot be read back. Use a stretch with more speech, or render without sound.',
        { medium: 'audio' },
      );
    }
  }

  #emit(renderId: string, stage: RenderProgress['stage'], done: number, total = 1): void {
    this.onProgress?.(renderId, { stage, done, total });
  }

  #principalOf(tenantId: string): Principal {
    return { tenantId, actorId: 'worker', roles: ['system'] };
  }

  async #move(tx: Tx, id: string, to: RenderState): Promise<void> {
    const [row] = await rows<RenderRow>(tx, 'SELECT * FROM renders WHERE id = $1 FOR UPDATE', [id]);
    if (row!.state === to) return;
    renderTransitions.require(row!.state, to);
    await rows(tx, 'UPDATE renders SET state = $2 WHERE id = $1', [id, to]);
  }
}
