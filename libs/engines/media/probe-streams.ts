import { z } from 'zod';
import type { MediaBudget } from './media-budget.ts';
import type { AudioStream, IgnoredStream, VideoStream } from './media-probe.ts';
import { orientationOf, pixelAspect } from './video-geometry.ts';

/** ffprobe's JSON, read defensively: a hostile file chooses most of it. */
const streamSchema = z.object({
  index: z.number().int().min(0),
  codec_type: z.string().default('unknown'),
  codec_name: z.string().default('unknown'),
  pix_fmt: z.string().default('unknown'),
  width: z.number().int().min(0).default(0),
  height: z.number().int().min(0).default(0),
  sample_aspect_ratio: z.string().optional(),
  field_order: z.string().optional(),
  color_range: z.string().optional(),
  color_space: z.string().optional(),
  color_transfer: z.string().optional(),
  color_primaries: z.string().optional(),
  nb_frames: z.string().optional(),
  sample_rate: z.string().optional(),
  channels: z.number().optional(),
  disposition: z.record(z.string(), z.number()).default({}),
  side_data_list: z.array(z.looseObject({ side_data_type: z.string().optional() })).default([]),
});
const answerSchema = z.object({ streams: z.array(streamSchema).default([]) });

export interface RawStream extends z.infer<typeof streamSchema> {
  /** Cover art, thumbnails, single pictures: never the clip (FT-05). */
  readonly isPicture: boolean;
  /** Pictures that the container's index promises; 0 where it promises none. */
  readonly frames: number;
  readonly dolbyVisionProfile?: number;
}

const PICTURE_CODECS = new Set(['png', 'mjpeg', 'bmp', 'gif', 'webp', 'tiff', 'jpeg2000', 'jpegls']);

export function parseStreams(json: string): RawStream[] {
  return answerSchema.parse(JSON.parse(json)).streams.map((stream) => {
    const { disposition, codec_name: codec } = stream;
    const frames = Number(stream.nb_frames ?? 0) || 0;
    const dolby = stream.side_data_list.find((one) => one.side_data_type?.startsWith('DOVI'))?.['dv_profile'];
    const isPicture =
      disposition['attached_pic'] === 1 ||
      disposition['timed_thumbnails'] === 1 ||
      disposition['still_image'] === 1 ||
      (PICTURE_CODECS.has(codec) && (codec !== 'mjpeg' || frames <= 1));
    return { ...stream, isPicture, frames, ...(typeof dolby === 'number' ? { dolbyVisionProfile: dolby } : {}) };
  });
}

export interface SortedStreams {
  readonly video: VideoStream | undefined;
  readonly audio: readonly AudioStream[];
  readonly ignored: readonly IgnoredStream[];
}

/** The clip is the default video track, then the one with most pixels: phones add depth and preview tracks. */
export function sortStreams(raw: readonly RawStream[], budget: MediaBudget): SortedStreams {
  const playable = (stream: RawStream, codecs: readonly string[]): boolean => codecs.includes(stream.codec_name);
  const videos = raw.filter((stream) => stream.codec_type === 'video');
  const chosen = videos
    .filter((stream) => !stream.isPicture && playable(stream, budget.videoCodecs))
    .toSorted(
      (a, b) =>
        (b.disposition['default'] ?? 0) - (a.disposition['default'] ?? 0) ||
        b.width * b.height - a.width * a.height ||
        a.index - b.index,
    )[0];
  const sounds = raw.filter((stream) => stream.codec_type === 'audio');
  const audio = sounds.filter(
    (stream) => playable(stream, budget.audioCodecs) && Number(stream.sample_rate) > 0 && (stream.channels ?? 0) > 0,
  );
  const ignored = raw
    .filter((stream) => stream !== chosen && !audio.includes(stream))
    .map((stream) => ({ index: stream.index, kind: stream.codec_type, codec: stream.codec_name, reason: reasonFor(stream) }));
  return {
    video: chosen && videoStream(chosen),
    audio: audio.map((stream) => ({
      index: stream.index,
      codec: stream.codec_name,
      sampleRate: Number(stream.sample_rate),
      channels: stream.channels!,
    })),
    ignored,
  };
}

function reasonFor(stream: RawStream): IgnoredStream['reason'] {
  if (stream.codec_type === 'video') return stream.isPicture ? 'cover-picture' : 'other-video';
  if (stream.codec_type === 'audio') return 'undecodable';
  return stream.codec_type === 'subtitle' || stream.codec_type === 'attachment' ? stream.codec_type : 'data';
}

function videoStream(stream: RawStream): VideoStream {
  const matrix = stream.side_data_list.find((one) => typeof one['displaymatrix'] === 'string')?.['displaymatrix'] as
    string | undefined;
  const transfer = stream.color_transfer ?? 'unknown';
  return {
    index: stream.index,
    codec: stream.codec_name,
    pixelFormat: stream.pix_fmt,
    coded: { width: stream.width, height: stream.height },
    pixelAspect: pixelAspect(stream.sample_aspect_ratio),
    orientation: orientationOf(matrix),
    interlaced: ['tt', 'bb', 'tb', 'bt'].includes(stream.field_order ?? ''),
    color: {
      transfer,
      primaries: stream.color_primaries ?? 'unknown',
      matrix: stream.color_space ?? 'unknown',
      fullRange: stream.color_range === 'pc' || stream.pix_fmt.startsWith('yuvj'),
    },
    hdr: transfer === 'smpte2084' ? 'pq' : transfer === 'arib-std-b67' ? 'hlg' : undefined,
  };
}
