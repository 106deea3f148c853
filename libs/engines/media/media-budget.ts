/** The published limits of a clip. Every refusal for one of them names it. */
export interface MediaBudget {
  readonly maxBytes: number;
  /** Coded pixels of one picture; ffmpeg refuses to allocate more. */
  readonly maxPixels: number;
  /** Mean frames per second. */
  readonly maxFps: number;
  readonly maxFrames: number;
  readonly minSeconds: number;
  readonly maxSeconds: number;
  readonly maxStreams: number;
  readonly videoCodecs: readonly string[];
  readonly audioCodecs: readonly string[];
}

/** What browsers and phones record: VP8, VP9, AV1, H.264 and HEVC in ISO media or Matroska. */
export const FOOTAGE_BUDGET: MediaBudget = {
  maxBytes: 2 * 1024 ** 3,
  maxPixels: 3840 * 2160,
  maxFps: 244,
  maxFrames: 30_000,
  minSeconds: 1,
  maxSeconds: 300,
  maxStreams: 32,
  videoCodecs: ['h264', 'hevc', 'vp8', 'vp9', 'av1'],
  audioCodecs: ['aac', 'opus', 'vorbis', 'mp3', 'flac', 'alac', 'pcm_s16le', 'pcm_s16be', 'pcm_s24le', 'pcm_f32le'],
};

/** Decoder names per codec: `-codec_whitelist` matches decoders, not codecs. */
const DECODERS: Readonly<Record<string, readonly string[]>> = {
  vp8: ['vp8', 'libvpx'],
  vp9: ['vp9', 'libvpx-vp9'],
  av1: ['libdav1d', 'libaom-av1', 'av1'],
  opus: ['opus', 'libopus'],
  vorbis: ['vorbis', 'libvorbis'],
  mp3: ['mp3', 'mp3float'],
};

/**
 * Streams that nobody asked for must not stop a clip (FT-04, FT-05), and ffprobe gives up when it may not open one of them.
 * These simple decoders are allowed to look; nothing of them is used.
 */
const BYSTANDERS =
  'png,mjpeg,bmp,gif,mov_text,srt,subrip,webvtt,ass,ssa,text,ac3,eac3,ac3_fixed,pcm_u8,pcm_s8,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32be,pcm_alaw,pcm_mulaw,amrnb,amrwb,mp2,mp2float';

/** The decoders that ffprobe may open to name the streams. */
export const probeDecoderNames = (budget: MediaBudget): string => `${decoderNames(budget)},${BYSTANDERS}`;

/** The decoders that may see a byte of this clip. */
export const decoderNames = (budget: Pick<MediaBudget, 'videoCodecs' | 'audioCodecs'>): string =>
  [...budget.videoCodecs, ...budget.audioCodecs].flatMap((codec) => DECODERS[codec] ?? [codec]).join(',');

/** Limits of one tool process, enforced by the kernel. */
export interface ProcessLimits {
  /** Bytes of address space. A 4K 10-bit tone map needs about 1.6 GB of it, a 1080p decode 0.6 GB. */
  readonly addressSpace: number;
  readonly cpuSeconds: number;
  /** Bytes of the largest file that may be written. */
  readonly fileSize: number;
}

export const PROBE_LIMITS: ProcessLimits = { addressSpace: 1024 ** 3, cpuSeconds: 60, fileSize: 0 };
export const DECODE_LIMITS: ProcessLimits = { addressSpace: 3 * 1024 ** 3, cpuSeconds: 900, fileSize: 0 };
export const ENCODE_LIMITS: ProcessLimits = { addressSpace: 4 * 1024 ** 3, cpuSeconds: 3600, fileSize: 8 * 1024 ** 3 };
