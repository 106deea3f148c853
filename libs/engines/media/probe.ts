import { stat } from 'node:fs/promises';
import { type FrameTiming, frameTiming, parsePackets } from './frame-timing.ts';
import { FOOTAGE_BUDGET, type MediaBudget, PROBE_LIMITS, decoderNames, probeDecoderNames } from './media-budget.ts';
import type { AudioStream, IgnoredStream, MediaProbe, VideoStream } from './media-probe.ts';
import type { MediaTools } from './media-tools.ts';
import { type MediaType, readMediaType, surveyBoxes } from './media-type.ts';
import {
  MediaNoVideoError,
  MediaOverBudgetError,
  MediaTooLongError,
  MediaTooShortError,
  MediaTruncatedError,
  MediaTypeUnsupportedError,
  MediaUnreadableError,
  UploadTooLargeError,
} from './media.errors.ts';
import { type RawStream, parseStreams, sortStreams } from './probe-streams.ts';
import type { Sandbox } from './sandbox.ts';
import { type ToolResult, runTool } from './tool-process.ts';
import { toolRefusal } from './tool-refusal.ts';
import { displaySize } from './video-geometry.ts';

/** Arguments that every reader of an untrusted file gets, before `-i`. */
export const readerFlags = (type: MediaType, budget: MediaBudget = FOOTAGE_BUDGET, decoders = decoderNames(budget)): string[] => [
  '-protocol_whitelist', 'file',
  '-format_whitelist', type.demuxers,
  '-codec_whitelist', decoders,
  '-max_pixels', String(budget.maxPixels),
  '-f', type.demuxer,
]; // prettier-ignore

interface ProbeContext {
  readonly path: string;
  readonly tools: MediaTools;
  readonly sandbox: Sandbox;
  readonly budget: MediaBudget;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Answers once what a clip is, in the order size → first bytes → ffprobe in the sandbox → budget, so that each step only sees
 * what the one before let through. `path` is absolute; its name is never trusted.
 * @throws one of the `media-…` refusals or UploadTooLargeError
 */
export async function probeMedia(
  path: string,
  tools: MediaTools,
  sandbox: Sandbox,
  budget: MediaBudget = FOOTAGE_BUDGET,
  signal?: AbortSignal,
): Promise<MediaProbe> {
  const { size: bytes } = await stat(path);
  if (bytes > budget.maxBytes)
    throw new UploadTooLargeError(`The file is larger than ${Math.floor(budget.maxBytes / 2 ** 20)} MiB. Send a shorter clip.`, {
      limit: 'bytes',
      allowed: budget.maxBytes,
    });
  const type = await readMediaType(path);
  const context: ProbeContext = { path, tools, sandbox, budget, signal };
  const boxes = type.container === 'iso-bmff' ? await surveyBoxes(path) : { cutOff: false, hasEditList: false };

  const raw = await readStreams(context, type, boxes.cutOff);
  if (raw.length > budget.maxStreams) throw overBudget('streams', budget.maxStreams, raw.length);
  const sorted = sortStreams(raw, budget);
  const video = requireVideo(sorted.video, raw, budget);
  requireColour(video, raw, tools);
  const pixels = video.coded.width * video.coded.height;
  if (pixels > budget.maxPixels) throw overBudget('pixels', budget.maxPixels, pixels);

  const timing = await readTiming(context, type, video, raw, boxes.cutOff);
  requireBudget(timing, budget);
  const { audio, undecodable } = await findDecodableAudio(context, type, sorted.audio);
  return {
    ...type,
    bytes,
    video,
    audio,
    ignored: [...sorted.ignored, ...undecodable].toSorted((a, b) => a.index - b.index),
    display: displaySize(video.coded, video.pixelAspect, video.orientation),
    hasEditList: boxes.hasEditList,
    timing,
    duration: timing.duration,
    variableFrameRate: timing.variableFrameRate,
  };
}

async function ffprobe(context: ProbeContext, type: MediaType, question: string[], maxBytes: number): Promise<ToolResult> {
  const { path, tools, sandbox, budget, signal } = context;
  const args = [
    '-v',
    'error',
    '-hide_banner',
    ...readerFlags(type, budget, probeDecoderNames(budget)),
    ...question,
    `file:${path}`,
  ];
  return await runTool(sandbox, tools.ffprobe, args, { readOnly: [path], limits: PROBE_LIMITS }, { maxBytes, signal });
}

async function readStreams(context: ProbeContext, type: MediaType, cutOff: boolean): Promise<RawStream[]> {
  const question = ['-show_streams', '-of', 'json'];
  const answer = await ffprobe(context, type, question, 4 << 20);
  if (answer.overflowed) throw overBudget('streams', context.budget.maxStreams);
  if (answer.code !== 0) {
    const refusal = toolRefusal(answer);
    // The box structure knows better than an error text whether the end is missing.
    if (cutOff && refusal instanceof MediaUnreadableError) throw truncated();
    throw refusal;
  }
  return parseStreams(answer.stdout.toString('utf8'));
}

function requireVideo(video: VideoStream | undefined, raw: readonly RawStream[], budget: MediaBudget): VideoStream {
  if (video) return video;
  const foreign = raw.find((stream) => stream.codec_type === 'video' && !stream.isPicture);
  if (foreign)
    throw new MediaTypeUnsupportedError(
      'The pictures of this clip use a codec that we do not take. Export it as MP4 with H.264, or as WebM.',
      { codec: foreign.codec_name, allowed: budget.videoCodecs },
    );
  throw new MediaNoVideoError('There is no moving picture in this file. Record a video, not only sound or a photo.');
}

/** HDR without the filters to convert it would train washed out (FT-03): refused instead. */
function requireColour(video: VideoStream, raw: readonly RawStream[], tools: MediaTools): void {
  const dolbyOnly = raw.find((stream) => stream.index === video.index)?.dolbyVisionProfile === 5;
  if (!dolbyOnly && (!video.hdr || (tools.hasZscale && tools.hasTonemap))) return;
  throw new MediaTypeUnsupportedError(
    'The clip is HDR video, which cannot be converted here. Switch HDR video off in the camera settings, or export the clip as SDR.',
    { feature: 'HDR', transfer: dolbyOnly ? 'dolby-vision-5' : video.color.transfer },
  );
}

async function readTiming(
  context: ProbeContext,
  type: MediaType,
  video: VideoStream,
  raw: readonly RawStream[],
  cutOff: boolean,
): Promise<FrameTiming> {
  const { budget } = context;
  const question = [
    '-select_streams',
    String(video.index),
    '-show_entries',
    'packet=pts_time,duration_time,flags',
    '-of',
    'csv=p=0',
  ];
  // A line has at most 40 bytes: more output than this is more pictures than allowed.
  const answer = await ffprobe(context, type, question, (budget.maxFrames + 1000) * 40);
  if (answer.overflowed) throw overBudget('frames', budget.maxFrames);
  if (answer.code !== 0) throw toolRefusal(answer);
  const text = answer.stdout.toString('utf8');
  const promised = raw.find((stream) => stream.index === video.index)?.frames ?? 0;
  const found = text.split('\n').filter((line) => line.length > 0).length;
  const complains = /partial file|File ended prematurely|Truncat/i.test(answer.stderr);
  // The index of an ISO file names every picture: fewer than that were cut off, whatever the tool's exit status.
  if (complains || found < promised || (cutOff && found === 0)) throw truncated({ promised, found });
  const timing = frameTiming(parsePackets(text));
  if (!timing) throw new MediaNoVideoError('The video track holds no picture. Record the clip again.');
  return timing;
}

function requireBudget(timing: FrameTiming, budget: MediaBudget): void {
  const { duration, frames, frameRate } = timing;
  if (frames > budget.maxFrames) throw overBudget('frames', budget.maxFrames, frames);
  if (frames > 1 && frameRate.mean > budget.maxFps) throw overBudget('fps', budget.maxFps, Math.round(frameRate.mean));
  const seconds = Math.round(duration * 1000) / 1000;
  // A twentieth of a second: what muxers round away.
  if (duration < budget.minSeconds - 0.05)
    throw new MediaTooShortError(`The clip lasts ${seconds} s; it needs at least ${budget.minSeconds} s.`, {
      limit: 'seconds',
      allowed: budget.minSeconds,
      found: seconds,
    });
  if (duration > budget.maxSeconds + 0.05)
    throw new MediaTooLongError(`The clip lasts ${seconds} s; it may last ${budget.maxSeconds} s. Cut it and send that part.`, {
      limit: 'seconds',
      allowed: budget.maxSeconds,
      found: seconds,
    });
}

/** A codec's name is a claim: half a second of the track must really decode (FT-04). */
async function findDecodableAudio(
  context: ProbeContext,
  type: MediaType,
  candidates: readonly AudioStream[],
): Promise<{ audio: AudioStream | null; undecodable: IgnoredStream[] }> {
  const { path, tools, sandbox, budget, signal } = context;
  const undecodable: IgnoredStream[] = [];
  for (const [i, audio] of candidates.entries()) {
    const args = [
      '-v', 'error', '-nostdin', ...readerFlags(type, budget), '-i', `file:${path}`, '-map', `0:${audio.index}`, '-frames:a', '8',
      '-f', 's16le', '-',
    ]; // prettier-ignore
    const trial = await runTool(sandbox, tools.ffmpeg, args, { readOnly: [path], limits: PROBE_LIMITS }, { signal });
    if (trial.code === 0 && trial.stdout.length > 0) {
      const spare = candidates.slice(i + 1).map((one) => ({ ...ignoredAudio(one), reason: 'other-audio' as const }));
      return { audio, undecodable: [...undecodable, ...spare] };
    }
    undecodable.push(ignoredAudio(audio));
  }
  return { audio: null, undecodable };
}

const ignoredAudio = ({ index, codec }: AudioStream): IgnoredStream => ({ index, kind: 'audio', codec, reason: 'undecodable' });

const truncated = (members: Record<string, unknown> = {}): MediaTruncatedError =>
  new MediaTruncatedError('The end of the file is missing. Copy or upload the whole file again.', members);

const BUDGET_ADVICE = {
  streams: 'Export the clip with one video and one sound track.',
  pixels: 'Export the clip at 4K or smaller.',
  frames: 'Send a shorter clip, or one with a lower frame rate.',
  fps: 'Send the clip at a lower frame rate.',
} as const;

function overBudget(limit: keyof typeof BUDGET_ADVICE, allowed: number, found?: number): MediaOverBudgetError {
  const amount = found === undefined ? `more than ${allowed}` : `${found}, allowed are ${allowed}`;
  return new MediaOverBudgetError(`Over the limit of ${limit}: ${amount}. ${BUDGET_ADVICE[limit]}`, {
    limit,
    allowed,
    ...(found === undefined ? {} : { found }),
  });
}
