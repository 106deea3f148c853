import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type ConsentRow, type ConsentService, sha256Hex } from '#consent';
import type { Db } from '#db';
import { type Drive, decodeDriveTrack } from '#face';
import { decodeReplica } from '#gaussians';
import { InvalidInputError } from '#kernel';
import { decodeAudio, encodeVideo, probeMedia } from '#media';
import {
  AUDIO,
  type MarkRow,
  VideoMarker,
  markAudio,
  newMarkId,
  signAsset,
  signMarkRow,
  thumbnailTrack,
  verify,
} from '#provenance';
import type { Lease } from '#queue';
import type { ReplicaRow, SigningKit } from '#replicas';
import type { Objects, StagedObject } from '#storage';
import type { MediaKit, UploadsService } from '#uploads';
import { sandboxedDecoder } from './probe-decoder.ts';
import type { RenderNews } from './render-news.ts';
import { renderClip } from './render-picture.ts';
import type { RenderRow } from './rendering.entities.ts';
import { SelfCheckFailedError, WatermarkNotReadableError } from './rendering.errors.ts';
import type { RenderRequest } from './rendering.schema.ts';

export interface RenderMakerDeps {
  readonly db: Db;
  readonly consent: ConsentService;
  readonly uploads: UploadsService;
  readonly objects: Objects;
  readonly media: MediaKit;
  readonly signing: SigningKit;
}

/** One render being made: its rows, as they stood when the gate was passed, and the job's scratch folder. */
export interface RenderWork {
  readonly lease: Lease;
  readonly render: RenderRow;
  readonly replica: ReplicaRow;
  readonly consent: ConsentRow;
  readonly scratch: string;
}

/** Everything one render makes before it is published. */
export interface MadeRender {
  readonly staged: StagedObject;
  readonly mark: MarkRow;
  readonly signedMark: string;
  readonly manifestSha256: string;
}

/** Drive → pictures → label → watermark → encode → C2PA → self-check. Commits nothing: what it makes lies under the attempt. */
export class RenderMaker {
  constructor(private readonly deps: RenderMakerDeps) {}

  async make(work: RenderWork, news: RenderNews): Promise<MadeRender> {
    const { lease, render, replica, scratch } = work;
    const { objects, media, signing } = this.deps;
    const { drives, fps } = await this.#drive(lease.tenantId, replica, render.request);
    const sound = await this.#ownSound(work, drives.length / fps);
    const model = decodeReplica(await objects.readAll(lease.tenantId, replica.object_id));
    const markId = newMarkId();
    const [markKey] = signing.markKeys;
    const { size } = model.manifest;
    await news.begin('render');
    const clip = renderClip(model, drives, fps, new VideoMarker(markKey.key, markId, size, size), render.request.demo, (done) =>
      news.tell({ stage: 'render', done, total: drives.length }),
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
    await news.begin('mark');
    const signed = join(scratch, 'render.mp4');
    const manifest = await this.#sign(work, { unsigned, signed }, markId, marked !== null);
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
    const signedMark = await signMarkRow(mark, signing.identity.signer, signing.identity.chainPem);
    return { staged, mark, signedMark, manifestSha256 };
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
  async #ownSound({ lease, replica, render: { request }, scratch }: RenderWork, seconds: number): Promise<Float32Array | null> {
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
    { render, replica, consent, scratch }: RenderWork,
    files: { unsigned: string; signed: string },
    markId: string,
    hasAudioMark: boolean,
  ): Promise<Uint8Array> {
    const card = join(scratch, 'card.png');
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
  async selfCheck(made: MadeRender, scratch: string): Promise<void> {
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
}
