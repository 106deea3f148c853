import { createHash } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { PNG } from 'pngjs';
import { type Track, encodeDriveTrack } from '#face';
import {
  type Evaluation,
  type FitOptions,
  type ReplicaManifest,
  createRenderer,
  encodeReplica,
  evaluateReplica,
  evaluationSheet,
  exportGlb,
  exportPly,
  fitReplica,
} from '#gaussians';
import { trackHead } from '#inference';
import { answerIsolated } from '#kernel';
import { type MediaProbe, type MediaTools, type SandboxTier, decodeFrames, evenSide, findSandbox } from '#media';
import type { TrainingOptions, TrainingProgress } from './training.schema.ts';

/*
 * The untrusted and the heavy part of a training, in a process without secrets and network. Everything it makes lies in the job's
 * scratch folder; it commits nothing.
 */

export interface TrackRequest {
  readonly op: 'track';
  readonly scratch: string;
  readonly path: string;
  readonly probe: MediaProbe;
  readonly tools: MediaTools;
  readonly tier: SandboxTier;
  readonly fps: number;
  /** Display pixels. */
  readonly crop: { readonly x: number; readonly y: number; readonly size: number };
  readonly options: TrainingOptions;
}
export interface FitRequest {
  readonly op: 'fit';
  readonly scratch: string;
  readonly options: TrainingOptions;
  /** Interchange files of the neutral head: only where the consent allows the model to leave. */
  readonly exportModel: boolean;
}
export type FitChildRequest = TrackRequest | FitRequest;

export interface TrackSummary {
  readonly frames: number;
  readonly present: number;
  readonly fps: number;
}
export interface FitSummary {
  readonly evaluation: Evaluation & { readonly cpuSeconds: number; readonly replicaSha256: string };
  readonly manifest: ReplicaManifest;
  readonly sha256: string;
  readonly fps: number;
  readonly frames: number;
  readonly heldOutFrom: number;
  /** Of the fitting process, MiB. */
  readonly peakRssMb: number;
}

const SIZE = 256;
/** What each preset changes of the engine's defaults. */
const FIT_OF: Readonly<Record<TrainingOptions['preset'], Partial<FitOptions>>> = {
  'cpu-256': {},
  'cpu-256-draft': { splats: 2500, iterations: 1000 },
};
/** Tracking reads larger pictures than the fit: landmarks are worth it. */
const TRACK_SIZE = 512;

async function track(request: TrackRequest, progress: (value: TrainingProgress) => void): Promise<TrackSummary> {
  const sandbox = findSandbox(request.tier);
  if (!sandbox) throw new Error(`the sandbox ${request.tier} is gone`);
  const side = Math.max(SIZE, Math.min(TRACK_SIZE, evenSide(request.crop.size)));
  const total = Math.round(request.probe.duration * request.fps);
  const out = await open(join(request.scratch, 'frames.rgb'), 'w', 0o600);
  const pictures = decodeFrames(
    request.path,
    request.probe,
    { fps: request.fps, crop: request.crop, width: side, height: side },
    request.tools,
    sandbox,
  );
  const kept = async function* () {
    for await (const frame of pictures) {
      await out.write(halve(frame.data, side));
      yield frame;
    }
  };
  const { neutralSeconds } = request.options;
  try {
    const result = await trackHead(kept(), {
      fps: request.fps,
      matteSize: SIZE,
      ...(neutralSeconds === undefined ? {} : { neutralSeconds }),
      onProgress: ({ framesRead }) => progress({ stage: 'track', done: framesRead, total }),
    });
    await writeFile(join(request.scratch, 'track.bin'), serialize(result), { mode: 0o600 });
    return { frames: result.frames.length, present: result.frames.filter((frame) => frame.present).length, fps: request.fps };
  } finally {
    await out.close();
  }
}

/** Area average of a square picture down to the fit's size. */
function halve(data: Uint8Array, side: number): Uint8Array {
  if (side === SIZE) return data;
  const small = new Uint8Array(SIZE * SIZE * 3);
  const step = side / SIZE;
  for (let y = 0; y < SIZE; y++) {
    const y0 = Math.floor(y * step);
    const y1 = Math.max(y0 + 1, Math.floor((y + 1) * step));
    for (let x = 0; x < SIZE; x++) {
      const x0 = Math.floor(x * step);
      const x1 = Math.max(x0 + 1, Math.floor((x + 1) * step));
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += data[(v * side + u) * 3 + c]!;
        small[(y * SIZE + x) * 3 + c] = Math.round(sum / ((y1 - y0) * (x1 - x0)));
      }
    }
  }
  return small;
}

async function fit(request: FitRequest, progress: (value: TrainingProgress) => void): Promise<FitSummary> {
  const file = (name: string): string => join(request.scratch, name);
  const save = (name: string, data: Uint8Array | string): Promise<void> => writeFile(file(name), data, { mode: 0o600 });
  const tracked = deserialize(await readFile(file('track.bin'))) as Track;
  const all = await readFile(file('frames.rgb'));
  const bytes = SIZE * SIZE * 3;
  const frames = tracked.frames.map((_, i) => all.subarray(i * bytes, (i + 1) * bytes));
  const started = process.cpuUsage();
  const result = await fitReplica(
    { size: SIZE, frames, track: tracked },
    { seed: request.options.seed, ...FIT_OF[request.options.preset] },
    ({ stage, done, total, psnr }) =>
      progress({
        stage: stage === 'evaluate' ? 'evaluate' : 'fit',
        ...wholeFit(stage, done, total),
        ...(psnr === undefined ? {} : { psnr }),
      }),
  );
  const cpuSeconds = process.cpuUsage(started).user / 1e6;
  const container = encodeReplica(result.replica);
  const sha256 = createHash('sha256').update(container).digest('hex');
  const measured = await evaluateReplica(result, ({ done, total }) => progress({ stage: 'evaluate', done, total }));
  const evaluation = { ...measured, cpuSeconds: Math.round(cpuSeconds * 10) / 10, replicaSha256: sha256 };
  await save('replica.bin', container);
  await save('drive.json', JSON.stringify(encodeDriveTrack({ fps: tracked.fps, drives: result.drives })));
  await save('evaluation.json', JSON.stringify(evaluation, null, 2));
  await save('evaluation.png', evaluationSheet(result));
  await save('card.png', neutralCard(result));
  if (request.exportModel) {
    await save('replica.ply', exportPly(result.replica));
    await save('replica.glb', exportGlb(result.replica));
  }
  return {
    evaluation,
    manifest: result.replica.manifest,
    sha256,
    fps: tracked.fps,
    frames: frames.length,
    heldOutFrom: result.heldOutFrom,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** Poses and plates are the first fifth of the bar, the optimiser the rest. */
function wholeFit(stage: string, done: number, total: number): { done: number; total: number } {
  const share = total > 0 ? done / total : 0;
  if (stage === 'pose') return { done: Math.round(share * 120), total: 1000 };
  if (stage === 'plates') return { done: 120 + Math.round(share * 80), total: 1000 };
  if (stage === 'fit') return { done: 200 + Math.round(share * 800), total: 1000 };
  return { done, total };
}

/** The replica's card: how it looks driven by its first frame. What carries the replica's manifest. */
function neutralCard({ replica, drives }: Awaited<ReturnType<typeof fitReplica>>): Uint8Array {
  const { picture } = createRenderer(replica).render(drives[0]!);
  const png = new PNG({ width: SIZE, height: SIZE, colorType: 2, inputColorType: 2, inputHasAlpha: false });
  png.data = Buffer.from(picture);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}

answerIsolated<FitChildRequest, TrackSummary | FitSummary, TrainingProgress>((request, progress) =>
  request.op === 'track' ? track(request, progress) : fit(request, progress),
);
