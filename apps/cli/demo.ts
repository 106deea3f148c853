import { copyFileSync, createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { exportBundle, verifyBundle } from '#audit';
import { ConsentService, type ConsentRow } from '#consent';
import { SubjectsService, requireOnePerson, surveyClip } from '#identity';
import { type Principal, DomainError } from '#kernel';
import type { MediaProbe } from '#media';
import { formatAnchors } from '#provenance';
import { JobWorker } from '#queue';
import { RenderingService, sandboxedDecoder } from '#rendering';
import { ReplicasService } from '#replicas';
import { type FitSummary, type TrainingProgress, TrainingService } from '#training';
import { UploadsService } from '#uploads';
import { VerificationService } from '#verification';
import { AppModule } from '../app.module.ts';
import { jobHandlers } from '../job-handlers.ts';
import type { Platform } from '../platform.module.ts';
import { consentRequest } from './demo-consent.ts';
import type { DemoOptions } from './demo-options.ts';
import { describeProblem, requireGoingWell } from './job-problem.ts';
import { forgetPerson } from './demo-erasure.ts';
import { environmentOf } from './environment.ts';
import type { ProgressDisplay } from './progress.ts';
import { Stages } from './stages.ts';
import { makeSyntheticClips } from './synthetic-clips.ts';

/** The gate said no: exit 3. */
const GATE_SLUGS = [
  'footage-not-subject',
  'consent-not-given',
  'consent-withdrawn',
  'consent-paused',
  'consent-expired',
  'consent-scope',
];

export interface DemoOutcome {
  readonly exitCode: 0 | 1 | 3;
  readonly stages: Stages;
  readonly problem?: string;
}

/** Longest stretch that the demo renders. */
const RENDER_SECONDS = 8;
const ACTOR: Principal = { tenantId: 'demo', actorId: 'demo-cli', roles: ['operator', 'subject'] };

/** Walks the whole road once through the services that API and worker use. */
export class Demo {
  readonly #out: string;
  readonly #stages: Stages;
  readonly #ids: Record<string, string> = {};
  #app!: INestApplicationContext;
  #worker: JobWorker | undefined;
  #fitted: FitSummary | undefined;

  constructor(
    private readonly options: DemoOptions,
    private readonly platform: Platform,
    display: ProgressDisplay,
    private readonly signal: AbortSignal,
  ) {
    this.#out = resolve(options.out);
    this.#stages = new Stages(display, signal);
  }

  async run(): Promise<DemoOutcome> {
    rmSync(join(this.#out, 'audit'), { recursive: true, force: true });
    mkdirSync(this.#out, { recursive: true });
    this.#app = await NestFactory.createApplicationContext(AppModule.on(this.platform.module), { logger: false });
    const faults: unknown[] = [];
    this.#worker = new JobWorker(this.platform.jobs, jobHandlers(this.#app), this.platform.wakeUps, {
      workerId: 'demo',
      onFault: (error) => faults.push(error),
    });
    await this.#worker.start();
    const scratch = await mkdtemp(join(tmpdir(), 'assent-demo-'));
    let problem: unknown;
    try {
      await this.#walk(scratch);
    } catch (error) {
      problem = error;
    }
    this.signal.throwIfAborted();
    await rm(scratch, { recursive: true, force: true });
    const refused = problem instanceof DomainError && GATE_SLUGS.includes(problem.problem.slug);
    try {
      await this.#exportAudit();
    } catch (error) {
      problem ??= error;
    }
    await this.#worker.stop();
    await this.#app.close();
    const sentence = problem === undefined ? undefined : describeProblem(problem, faults);
    await this.#report(problem === undefined, sentence);
    return {
      exitCode: problem === undefined ? 0 : refused ? 3 : 1,
      stages: this.#stages,
      ...(sentence === undefined ? {} : { problem: sentence }),
    };
  }

  async #walk(scratch: string): Promise<void> {
    const clips = this.options.clips
      ? { consentClip: resolve(this.options.clips.consentVideo), footage: resolve(this.options.clips.video) }
      : await this.#drawSubject(scratch);
    try {
      const consent = await this.#giveConsent(clips.consentClip);
      const trainingId = await this.#train(consent, clips.footage);
      const renderId = await this.#render(trainingId);
      await this.#verify(renderId);
    } finally {
      // When we are told to stop, the caller ends the children first and then calls forgetPerson itself.
      if (!this.signal.aborted) await this.#erase();
    }
  }

  #drawSubject(folder: string): Promise<{ consentClip: string; footage: string }> {
    const { seed, seconds, impostor } = this.options;
    return this.#stages.run('subject', async (update) => {
      const made = await makeSyntheticClips({
        seed,
        seconds,
        impostor,
        folder,
        media: this.platform.media,
        signal: this.signal,
        onProgress: (fraction) => update(fraction, 'drawing a person who does not exist'),
      });
      return { value: made, figures: { person: made.subject.id, 'in the footage': made.inFootage.id, seconds } };
    });
  }

  #giveConsent(clip: string): Promise<ConsentRow> {
    const real = this.options.clips !== undefined;
    const consents = this.#app.get(ConsentService);
    return this.#stages.run('consent', async (update) => {
      const subject = await this.#app.get(SubjectsService).create(ACTOR);
      this.#ids['subject'] = subject.id;
      const asked = await consents.request(ACTOR, consentRequest(subject.id, real));
      this.#ids['consent'] = asked.id;
      const upload = await this.#app
        .get(UploadsService)
        .accept(ACTOR, { subjectId: subject.id, kind: 'consent-clip', path: clip }, this.signal);
      const { tools, sandbox } = this.platform.media;
      const survey = await surveyClip(
        { path: clip, probe: upload.probe as MediaProbe, tools, tier: sandbox.tier },
        { signal: this.signal, onProgress: ({ done, total }) => update(done / total, 'looking at the consent clip') },
      );
      requireOnePerson(survey, 'consent clip');
      const evidence = {
        uploadId: upload.id,
        sha256: upload.sha256,
        facesSeen: survey.maxSimultaneousFaces,
        modelSha256: survey.models['face_embed_dlib'] ?? '',
      };
      // An uploaded file shows that a clip exists, not that a person was there: assurance none, and every artefact says so.
      const given = await consents.give(ACTOR, asked.id, evidence, { scheme: 'NIST-63A-4', level: 'none' });
      await writeFile(join(this.#out, 'consent-record.json'), given.record! + '\n');
      await writeFile(join(this.#out, 'consent-receipt.jws'), given.receipt! + '\n');
      return { value: given, figures: { state: given.state, assurance: given.assurance, purposes: given.purposes.join('+') } };
    });
  }

  async #train(consent: ConsentRow, footage: string): Promise<string> {
    const uploads = this.#app.get(UploadsService);
    const upload = await this.#stages.run('footage', async () => {
      const accepted = await uploads.accept(
        ACTOR,
        { subjectId: consent.subject_id, kind: 'footage', path: footage },
        this.signal,
      );
      const probe = accepted.probe as MediaProbe;
      return {
        value: accepted,
        figures: {
          seconds: Math.round(probe.duration * 10) / 10,
          size: `${probe.display.width}x${probe.display.height}`,
          sound: probe.audio !== null,
          'variable rate': probe.variableFrameRate,
        },
      };
    });
    const training = this.#app.get(TrainingService);
    training.onEvaluated = (_id, fitted, scratch) => this.#keepEvaluation(fitted, scratch);
    const options = { seed: this.options.seed, purpose: this.options.clips ? 'evaluation' : 'training' };
    const { id, job_id } = await training.start(ACTOR, { consentId: consent.id, uploadId: upload.id, options });
    this.#ids['training'] = id;
    await this.#followTraining(training, id, job_id!);
    const done = await training.get(ACTOR.tenantId, id);
    this.#ids['replica'] = done.replica_id!;
    return id;
  }

  /** Shows each step of the job as a stage of its own. */
  async #followTraining(training: TrainingService, id: string, jobId: string): Promise<void> {
    const steps: TrainingProgress['stage'][] = ['probe', 'frames', 'track', 'gate', 'fit', 'evaluate', 'package', 'seal'];
    const heard = new Map<string, TrainingProgress>();
    let wake: () => void = () => undefined;
    training.onProgress = (_id, progress) => {
      heard.set(progress.stage, progress);
      wake();
    };
    const tick = (): Promise<void> =>
      new Promise((done) => {
        const timer = setTimeout(done, 200);
        wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    for (const [i, step] of steps.entries()) {
      await this.#stages.run(step, async (update) => {
        for (;;) {
          this.signal.throwIfAborted();
          const job = await this.platform.jobs.get(ACTOR.tenantId, jobId);
          if (requireGoingWell(job) || steps.slice(i + 1).some((later) => heard.has(later))) break;
          const now = heard.get(step);
          if (now)
            update(now.total > 1 ? now.done / now.total : undefined, now.psnr === undefined ? '' : `${now.psnr.toFixed(1)} dB`);
          await tick();
        }
        return { value: undefined, figures: await this.#stepFigures(step, id) };
      });
    }
  }

  async #stepFigures(step: string, trainingId: string): Promise<Record<string, string | number>> {
    const fitted = this.#fitted;
    if (step === 'gate') {
      const [match] = await this.platform.db.query<{ score: number; band: string }>(
        'SELECT score, band FROM identity_matches WHERE training_id = $1',
        [trainingId],
      );
      return match ? { match: match.band, score: Math.round(match.score * 1000) / 1000 } : {};
    }
    if (step === 'fit' && fitted)
      return {
        splats: fitted.evaluation.splats,
        iterations: fitted.evaluation.iterations,
        'CPU s': fitted.evaluation.cpuSeconds,
        'peak RSS MiB': fitted.peakRssMb,
      };
    if (step === 'evaluate' && fitted) {
      const { psnr, floors } = fitted.evaluation;
      return { 'head dB': round(psnr.head), 'rigid dB': round(floors.rigid.head), 'nearest dB': round(floors.nearest.head) };
    }
    return step === 'seal' && fitted ? { sha256: fitted.sha256.slice(0, 16) } : {};
  }

  /** The report leaves the job's scratch while it still exists. Of a real person only figures and the sheet do; never a model. */
  #keepEvaluation(fitted: FitSummary, scratch: string): void {
    this.#fitted = fitted;
    const files = ['evaluation.json', 'evaluation.png', ...(this.options.clips ? [] : ['replica.ply', 'replica.glb'])];
    for (const file of files) copyFileSync(join(scratch, file), join(this.#out, file));
  }

  #render(trainingId: string): Promise<string> {
    const rendering = this.#app.get(RenderingService);
    return this.#stages.run('render', async (update) => {
      const replica = await this.#app.get(ReplicasService).get(ACTOR.tenantId, this.#ids['replica']!);
      const { fps, frames, heldOutFrom } = this.#fitted!;
      // The held-out end of the footage: the replica speaks what it was not trained on.
      const start = Math.min(heldOutFrom / fps, Math.max(0, frames / fps - RENDER_SECONDS));
      const seconds = Math.min(RENDER_SECONDS, frames / fps - start);
      rendering.onProgress = (_id, { stage, done, total }) => update(stage === 'render' ? done / total : undefined, stage);
      const purpose = this.options.clips ? 'evaluation' : 'async_video';
      const { id, job_id } = await rendering.request(ACTOR, {
        replicaId: replica.id,
        purpose,
        start,
        seconds,
        audio: 'own',
        demo: true,
      });
      this.#ids['render'] = id;
      const started = performance.now();
      await this.#waitForJob(job_id!);
      const render = await rendering.get(ACTOR.tenantId, id);
      await pipeline(await rendering.read(ACTOR.tenantId, id), createWriteStream(join(this.#out, 'render.mp4')));
      const [training] = await this.platform.db.query<{ upload_id: string }>('SELECT upload_id FROM trainings WHERE id = $1', [
        trainingId,
      ]);
      const probe = (await this.#app.get(UploadsService).get(ACTOR.tenantId, training!.upload_id)).probe as MediaProbe;
      const perSecond = Math.round((seconds * fps) / ((performance.now() - started) / 1000));
      return {
        value: id,
        figures: {
          state: render.state,
          seconds: round(seconds),
          sound: probe.audio !== null,
          'frames/s with marks': perSecond,
          mark: render.mark_id!,
        },
      };
    });
  }

  async #waitForJob(jobId: string): Promise<void> {
    for (;;) {
      this.signal.throwIfAborted();
      const job = await this.platform.jobs.get(ACTOR.tenantId, jobId);
      if (requireGoingWell(job)) return;
      await new Promise((next) => setTimeout(next, 100));
    }
  }

  #verify(renderId: string): Promise<void> {
    return this.#stages.run('verify', async () => {
      await this.platform.sequencer.drain();
      const { anchors } = this.platform.signing.identity;
      const render = await this.#app.get(RenderingService).get(ACTOR.tenantId, renderId);
      const marks = await this.#app.get(RenderingService).marks(ACTOR.tenantId, renderId);
      await writeFile(join(this.#out, 'trust-anchors.pem'), formatAnchors(anchors));
      await writeFile(join(this.#out, 'marks.json'), JSON.stringify({ format: 'assent-marks/1', rows: marks }, null, 2) + '\n');
      const { tools, sandbox } = this.platform.media;
      const detection = { keys: this.platform.signing.markKeys, decoder: sandboxedDecoder(tools, sandbox) };
      const report = await this.#app
        .get(VerificationService)
        .verify(join(this.#out, 'render.mp4'), { anchors, marks, detection });
      await writeFile(join(this.#out, 'verification.json'), JSON.stringify(report, null, 2) + '\n');
      const { watermark } = report;
      if (report.verdict !== 'trusted' || watermark.id !== render.mark_id || watermark.state !== 'match') {
        throw new Error(`the render does not verify: ${report.sentence} (watermark: ${watermark.state})`);
      }
      const audio = watermark.audio === undefined ? 'no sound, no audio mark' : watermark.audio.found ? 'read back' : 'not found';
      return {
        value: undefined,
        figures: {
          verdict: report.verdict,
          watermark: watermark.state,
          'audio mark': audio,
          consent: report.consentStatus,
          'log entry': report.logIndex ?? 'none',
        },
      };
    });
  }

  /** A real person's demonstration leaves nothing that could be read again, however it ends. */
  async #erase(): Promise<void> {
    if (this.options.clips === undefined || this.#ids['subject'] === undefined) return;
    await this.#stages.run('erase', async () => {
      await this.forgetPerson();
      return { value: undefined, figures: { key: 'destroyed' } };
    });
  }

  /** Told to stop: the job in hand goes back to the queue, so that nobody works on the person's clips any more. */
  async stopWork(): Promise<void> {
    await Promise.race([this.#worker?.stop(0), sleep(5000)]);
  }

  /** Ends the consent of a real person and destroys the key; nothing to do for somebody who does not exist. Safe to repeat. */
  async forgetPerson(): Promise<void> {
    const { subject, consent } = this.#ids;
    if (this.options.clips === undefined || subject === undefined) return;
    // A worker that was stopped has to be told; a running one takes the jobs by itself.
    const carryOn = async (): Promise<unknown> => (this.signal.aborted ? this.#worker?.drain() : undefined);
    await forgetPerson(this.#app.get(ConsentService), this.platform.db, ACTOR, { subject, consent }, carryOn);
  }

  #exportAudit(): Promise<void> {
    return this.#stages.run('audit', async () => {
      const { db, sequencer, log } = this.platform;
      await sequencer.drain();
      const bundle = await mkdtemp(join(tmpdir(), 'assent-bundle-'));
      const exported = await exportBundle(db, { origin: log.name, verifierKey: log.verifierKey }, 0, bundle);
      await cp(bundle, join(this.#out, 'audit'), { recursive: true });
      await rm(bundle, { recursive: true, force: true });
      const report = await verifyBundle(join(this.#out, 'audit'), log.verifierKey);
      if (!report.ok) throw new Error(`the audit bundle does not verify: ${report.detail}`);
      return { value: undefined, figures: { entries: exported.entries, verified: 'offline' } };
    });
  }

  async #report(ok: boolean, problem: string | undefined): Promise<void> {
    const report = {
      ok,
      demo: true,
      ...environmentOf(this.platform),
      assurance: 'none: the evidence of consent is an uploaded clip',
      ...(problem === undefined ? {} : { problem }),
      stages: this.#stages.reports,
      ids: this.#ids,
    };
    await writeFile(join(this.#out, 'report.json'), JSON.stringify(report, null, 2) + '\n');
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;
