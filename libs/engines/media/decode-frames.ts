import type { RgbFrame } from '#kernel';
import { DECODE_LIMITS } from './media-budget.ts';
import type { MediaProbe } from './media-probe.ts';
import type { MediaTools } from './media-tools.ts';
import { MediaTruncatedError, MediaUnreadableError } from './media.errors.ts';
import { pictureFilters } from './picture-filters.ts';
import { readerFlags } from './probe.ts';
import type { Sandbox } from './sandbox.ts';
import { type ToolEnd, type ToolProcess, startTool } from './tool-process.ts';
import { toolRefusal } from './tool-refusal.ts';
import { type DisplayCrop, type PixelSize, evenSide } from './video-geometry.ts';

export interface DecodeFrames {
  /** Constant rate of the frames that come out, per second; time stamps decide which picture each one shows. */
  readonly fps: number;
  /** In display pixels of the probe; may reach beyond the picture (black). `size` is short for a square. */
  readonly crop?: DisplayCrop | { readonly x: number; readonly y: number; readonly size: number } | undefined;
  /** Pixels of each frame; odd sides become even. */
  readonly width: number;
  readonly height: number;
  /** Seconds from the first picture. */
  readonly start?: number | undefined;
  readonly duration?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Share of pictures that may decode with damage before the clip is refused: a stray lost slice is no reason, a pattern is. */
const DAMAGE_SHARE = 0.01;

/**
 * Decodes a clip to upright SDR RGB at a constant rate, one frame at a time: ffmpeg waits while the reader does. `frame.time` is
 * in seconds from the first picture of the clip, also when `start` is given. Frame count = duration × fps, rounded.
 * Leaving the loop early, a throw or the signal ends the process before the iterator returns.
 * @throws MediaTruncatedError, MediaUnreadableError, MediaOverBudgetError; the signal's reason
 */
export async function* decodeFrames(
  path: string,
  probe: MediaProbe,
  options: DecodeFrames,
  tools: MediaTools,
  sandbox: Sandbox,
): AsyncGenerator<RgbFrame, void, void> {
  const { fps, signal, start = 0 } = options;
  signal?.throwIfAborted();
  const size = { width: evenSide(options.width), height: evenSide(options.height) };
  const span = Math.max(0, Math.min(options.duration ?? Infinity, probe.duration - start));
  const wanted = Math.round(span * fps);
  if (wanted === 0) return;

  const tool = startTool(sandbox, tools.ffmpeg, decodeArguments(path, probe, options, tools, size, wanted), {
    readOnly: [path],
    limits: DECODE_LIMITS,
  });
  const onAbort = (): void => tool.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  let made = 0;
  let last: Uint8Array | undefined;
  try {
    for await (const data of wholeFrames(tool, size.width * size.height * 3)) {
      last = data;
      yield { ...size, data, time: start + made++ / fps };
      signal?.throwIfAborted();
      if (made === wanted) break;
    }
    const end = await tool.ended;
    signal?.throwIfAborted();
    requireWhole(
      end,
      made,
      Math.max(1, Math.floor((Math.min(probe.timing.lastFrameTime, start + span) - start) * fps) - 1),
      fps,
      probe,
    );
    // The last picture may stand longer than one frame: it is repeated to the clip's end.
    while (last && made < wanted) yield { ...size, data: last.slice(), time: start + made++ / fps };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await tool.stop();
  }
}

function requireWhole(end: ToolEnd, made: number, least: number, fps: number, probe: MediaProbe): void {
  if (made < least) {
    const refusal = end.code === 0 ? undefined : toolRefusal(end);
    if (refusal && !(refusal instanceof MediaUnreadableError)) throw refusal;
    if (made === 0) throw refusal ?? new MediaUnreadableError('No picture of this clip can be decoded. Export it again as MP4.');
    throw new MediaTruncatedError('The pictures end before the clip does. Copy or upload the whole file again.', {
      promisedSeconds: round(probe.duration),
      decodedSeconds: round(made / fps),
    });
  }
  if (end.damagedLines > Math.max(1, made * DAMAGE_SHARE))
    throw new MediaUnreadableError('Many pictures of this clip are damaged. Copy the file again from the camera.', {
      damaged: end.damagedLines,
    });
  if (end.code !== 0) throw toolRefusal(end);
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** Seconds before `start` at which the demuxer is told to look for a key picture. */
const SEEK_MARGIN = 1;

function decodeArguments(
  path: string,
  probe: MediaProbe,
  { fps, start = 0, crop }: DecodeFrames,
  tools: MediaTools,
  size: PixelSize,
  wanted: number,
): string[] {
  const area = crop && 'size' in crop ? { x: crop.x, y: crop.y, width: crop.size, height: crop.size } : crop;
  // `-copyts` keeps the container's clock, so that one origin serves pictures and sound, also after a seek.
  const seek =
    start > 2 * SEEK_MARGIN ? ['-ss', (probe.timing.origin + start - SEEK_MARGIN).toFixed(6), '-seek_timestamp', '1'] : [];
  const filters = [
    `setpts=PTS-(${(probe.timing.origin + start).toFixed(6)})/TB`,
    `fps=fps=${fps}:start_time=0:round=near`,
    ...pictureFilters(probe, area, size),
  ];
  return [
    '-v', 'error', '-hide_banner', '-nostdin', '-copyts', ...seek, '-threads', '1', '-noautorotate', ...readerFlags(probe),
    '-i', `file:${path}`, '-map', `0:${probe.video.index}`, '-an', '-sn', '-dn', '-vf', filters.join(','), '-frames:v', String(wanted),
    ...(tools.major >= 6 ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough']),
    '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-',
  ]; // prettier-ignore
}

/** Cuts the byte stream into frames, each in memory of its own. A part of a frame at the end is dropped: it counts as missing. */
async function* wholeFrames(tool: ToolProcess, bytes: number): AsyncGenerator<Uint8Array, void, void> {
  let frame = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of untilStalled(tool)) {
    let at = 0;
    while (at < chunk.length) {
      const part = chunk.subarray(at, at + bytes - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < bytes) continue;
      yield frame;
      frame = new Uint8Array(bytes);
      filled = 0;
    }
  }
}

/** A decoder that is asked for data and gives none for so long hangs: out of memory, ffmpeg may wait for ever without using CPU. */
const STALL_MS = 60_000;

/** The output as it comes. The clock only runs while we wait for the decoder, not while the reader of the frames works. */
async function* untilStalled(tool: ToolProcess): AsyncGenerator<Buffer, void, void> {
  const output = (tool.child.stdout as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    let stalled = false;
    const timer = setTimeout(() => {
      stalled = true;
      tool.kill();
    }, STALL_MS);
    try {
      const { value, done } = await output.next();
      clearTimeout(timer);
      if (stalled) throw toolRefusal({ ...(await tool.ended), timedOut: true });
      if (done) return;
      yield value;
    } finally {
      clearTimeout(timer);
    }
  }
}
