import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type FaceSurvey } from '#inference';
import { matchSubject, requireOnePerson, requireSubject, surveyClip } from '#identity';
import { built, newId, runIsolated } from '#kernel';
import { type MediaProbe, probeMedia } from '#media';
import { signAsset } from '#provenance';
import type { Lease } from '#queue';
import type { StagedObject } from '#storage';
import type { ConsentRow } from '#consent';
import type { FitChildRequest, FitSummary, TrackSummary } from './fit.child.ts';
import type { TrainingRow } from './training.entities.ts';
import type { TrainingOptions, TrainingProgress } from './training.schema.ts';
import type { TrainingState } from './training.states.ts';
import type { TrainingTools } from './training.tools.ts';

/** What the steps hand on to each other. */
export interface TrainingContext {
  readonly lease: Lease;
  readonly training: TrainingRow;
  readonly consent: ConsentRow;
  readonly options: TrainingOptions;
  readonly scratch: string;
  readonly tools: TrainingTools;
  readonly emit: (progress: TrainingProgress) => void;
  footage?: { path: string; sha256: string; probe: MediaProbe };
  surveys?: { consent: FaceSurvey; footage: FaceSurvey };
  crop?: { x: number; y: number; size: number };
  tracked?: TrackSummary;
  fitted?: FitSummary;
  staged?: { replicaId: string; replica: StagedObject; drive: StagedObject; card: StagedObject };
}

export interface TrainingStep {
  readonly name: TrainingProgress['stage'];
  readonly state: TrainingState;
  run(context: TrainingContext): Promise<void>;
}

const FPS = 25;
/** Longer footage is read at a lower rate: two minutes at 25 a second. */
const MOST_FRAMES = 3000;
const child = (context: TrainingContext, request: FitChildRequest): Promise<unknown> =>
  runIsolated(built('libs/features/training/fit.child.js'), request, {
    signal: context.lease.signal,
    onProgress: (value) => context.emit(value as TrainingProgress),
  });

/**
 * A training, read aloud. Each step can be repeated from its inputs; nothing leaves the scratch folder before `package`, and nothing
 * exists before `seal`.
 */
export const PIPELINE: readonly TrainingStep[] = [
  {
    name: 'probe',
    state: 'preflight',
    async run(context) {
      const { lease, training, scratch, tools } = context;
      const path = join(scratch, 'footage');
      const upload = await tools.uploads.materialise(lease.tenantId, training.upload_id, path);
      const probe = await probeMedia(path, tools.media.tools, tools.media.sandbox, undefined, lease.signal);
      context.footage = { path, sha256: upload.sha256, probe };
    },
  },
  {
    name: 'frames',
    state: 'preflight',
    async run(context) {
      const { lease, consent, scratch, tools, footage } = context;
      const survey = (path: string, probe: MediaProbe): Promise<FaceSurvey> =>
        surveyClip(
          { path, probe, tools: tools.media.tools, tier: tools.media.sandbox.tier },
          { signal: lease.signal, onProgress: ({ done, total }) => context.emit({ stage: 'frames', done, total }) },
        );
      const clip = join(scratch, 'consent-clip');
      await tools.uploads.materialise(lease.tenantId, consent.evidence_upload_id!, clip);
      const clipProbe = await probeMedia(clip, tools.media.tools, tools.media.sandbox, undefined, lease.signal);
      context.surveys = { consent: await survey(clip, clipProbe), footage: await survey(footage!.path, footage!.probe) };
      requireOnePerson(context.surveys.footage, 'footage');
      const { headSquare, width } = context.surveys.footage;
      const scale = footage!.probe.display.width / width;
      context.crop = { x: headSquare!.x * scale, y: headSquare!.y * scale, size: headSquare!.size * scale };
    },
  },
  {
    name: 'track',
    state: 'preflight',
    async run(context) {
      const { scratch, tools, footage, options } = context;
      const fps = Math.min(FPS, MOST_FRAMES / footage!.probe.duration);
      const { path, probe } = footage!;
      context.tracked = (await child(context, {
        op: 'track',
        scratch,
        path,
        probe,
        tools: tools.media.tools,
        tier: tools.media.sandbox.tier,
        fps,
        crop: context.crop!,
        options,
      })) as TrackSummary;
    },
  },
  {
    name: 'gate',
    state: 'preflight',
    async run({ lease, training, consent, tools, surveys }) {
      const match = matchSubject(surveys!.consent, surveys!.footage);
      const principal = tools.principal;
      // Recorded before it is acted on: a refusal must be explainable too.
      await lease.commit((tx) =>
        tools.subjects.recordMatch(tx, principal, { consentId: consent.id, trainingId: training.id }, match),
      );
      requireSubject(match);
    },
  },
  {
    name: 'fit',
    state: 'fitting',
    async run(context) {
      const { scratch, options, consent } = context;
      context.fitted = (await child(context, {
        op: 'fit',
        scratch,
        options,
        exportModel: consent.scope.export_model,
      })) as FitSummary;
    },
  },
  {
    name: 'evaluate',
    state: 'evaluating',
    async run({ fitted, tools, training, scratch }) {
      tools.onEvaluated?.(training.id, fitted!, scratch);
      return Promise.resolve();
    },
  },
  {
    name: 'package',
    state: 'packaging',
    async run(context) {
      const { lease, training, consent, scratch, tools, fitted, footage } = context;
      const replicaId = newId();
      const card = join(scratch, 'card.signed.png');
      await signAsset(
        { input: join(scratch, 'card.png'), output: card, mimeType: 'image/png' },
        {
          title: 'replica card',
          digitalSourceType: 'trainedAlgorithmicMedia',
          consent: tools.consentAssertion(consent),
          lineage: {
            replica_id: replicaId,
            replica_sha256: fitted!.sha256,
            footage_id: training.upload_id,
            footage_sha256: footage!.sha256,
            engine: fitted!.manifest.engine,
          },
        },
        [{ id: 'footage', title: `footage ${footage!.sha256}`, mimeType: footage!.probe.mediaType }],
        tools.signing.identity,
      );
      const meta = { tenantId: lease.tenantId, subjectId: training.subject_id };
      const stage = (kind: string, mediaType: string, file: string): Promise<StagedObject> =>
        tools.objects.stage({ ...meta, kind, mediaType }, createReadStream(file), lease.attempt);
      context.staged = {
        replicaId,
        replica: await stage('replica', 'application/vnd.assent.replica', join(scratch, 'replica.bin')),
        drive: await stage('drive-track', 'application/json', join(scratch, 'drive.json')),
        card: await stage('replica-card', 'image/png', card),
      };
    },
  },
  {
    name: 'seal',
    state: 'packaging',
    async run(context) {
      const { lease, training, tools } = context;
      const { replicaId, replica, drive, card } = context.staged!;
      const principal = tools.principal;
      // The one moment in which a replica comes to exist: fenced by the lease, and with the consent row locked until it is committed.
      await lease.complete(async (tx) => {
        await tools.consent.require(tx, principal, training.consent_id, {
          purpose: context.options.purpose,
          subjectId: training.subject_id,
        });
        for (const object of [replica, drive, card]) await tools.objects.commit(tx, object);
        await tools.replicas.insert(tx, principal, {
          id: replicaId,
          tenant_id: lease.tenantId,
          subject_id: training.subject_id,
          consent_id: training.consent_id,
          training_id: training.id,
          state: 'active',
          object_id: replica.id,
          drive_object_id: drive.id,
          card_object_id: card.id,
          sha256: context.fitted!.sha256,
          manifest: {
            ...context.fitted!.manifest,
            ffmpeg: tools.media.tools.version,
            fps: context.fitted!.fps,
            frames: context.fitted!.frames,
            held_out_from: context.fitted!.heldOutFrom,
          },
        });
        await tools.finish(tx, training.id, { state: 'succeeded', replicaId });
      });
    },
  },
];
