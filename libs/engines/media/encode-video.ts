import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { ENCODE_LIMITS } from './media-budget.ts';
import type { MediaTools } from './media-tools.ts';
import { MediaToolsMissingError } from './media.errors.ts';
import type { Sandbox } from './sandbox.ts';
import { startTool } from './tool-process.ts';

export interface EncodeVideo {
  /** Absolute path of the MP4 to write; an existing file is replaced, and removed again when encoding fails. */
  readonly out: string;
  /** Even. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Packed RGB, full range BT.709, `width × height × 3` bytes each. Pulled only as fast as the encoder takes them. */
  readonly frames: AsyncIterable<Uint8Array>;
  /** Mono samples, −1..1; sample 0 belongs to frame 0. */
  readonly audio?: { readonly samples: Float32Array; readonly sampleRate: number } | null | undefined;
  readonly crf?: number;
  /** x264's speed; slower is smaller at the same crf. */
  readonly preset?: 'ultrafast' | 'veryfast' | 'medium' | 'slow';
  /** MP4 metadata to write, e.g. `{ comment: 'AI-generated' }`. Nothing else is. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes H.264 High (4:2:0, tagged BT.709, index in front) with AAC sound. The same frames give the same bytes with the same
 * ffmpeg: fixed threads, no dates, no encoder tag.
 * @returns the number of frames written
 * @throws RangeError for odd sides or a frame of the wrong length; MediaToolsMissingError without libx264; the signal's reason
 */
export async function encodeVideo(
  options: EncodeVideo,
  tools: MediaTools,
  sandbox: Sandbox,
): Promise<{ readonly frames: number }> {
  const { out, width, height, frames, audio, signal } = options;
  if (width % 2 !== 0 || height % 2 !== 0 || width < 2 || height < 2)
    throw new RangeError(`sides must be even: ${width}x${height}`);
  if (!tools.encoders.includes('libx264') || !tools.encoders.includes('aac'))
    throw new MediaToolsMissingError('This ffmpeg cannot write H.264 with AAC. Install one with libx264.');
  signal?.throwIfAborted();
  const args = encodeArguments(options);
  // The sandbox binds a file, so it must exist; created private, because a render is a person's likeness.
  await (await open(out, 'w', 0o600)).close();
  const stdio = audio ? (['pipe', 'pipe', 'pipe', 'pipe'] as const) : (['pipe', 'pipe', 'pipe'] as const);
  const tool = startTool(sandbox, tools.ffmpeg, args, { writable: [out], limits: ENCODE_LIMITS }, [...stdio]);
  const onAbort = (): void => tool.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  tool.child.stdout!.resume();
  let finished = false;
  try {
    const [count] = await Promise.all([
      writeFrames(tool.child.stdin!, frames, width * height * 3, tool.ended),
      audio ? writeSamples(tool.child.stdio[3] as Writable, audio.samples, tool.ended) : undefined,
    ]);
    const end = await tool.ended;
    signal?.throwIfAborted();
    if (end.code !== 0) throw new Error(`ffmpeg could not encode (${end.signal ?? end.code}): ${end.stderr.slice(-800)}`);
    finished = true;
    return { frames: count };
  } catch (error) {
    // An abort shows as a broken pipe first: its reason is what the caller asked for.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await tool.stop();
    if (!finished) await rm(out, { force: true });
  }
}

async function writeFrames(
  pipe: Writable,
  frames: AsyncIterable<Uint8Array>,
  bytes: number,
  ended: Promise<unknown>,
): Promise<number> {
  const write = writer(pipe, ended);
  let count = 0;
  for await (const frame of frames) {
    if (frame.length !== bytes) throw new RangeError(`a frame has ${frame.length} bytes, not ${bytes}`);
    if (!(await write(frame))) break;
    count++;
  }
  pipe.end();
  return count;
}

async function writeSamples(pipe: Writable, samples: Float32Array, ended: Promise<unknown>): Promise<void> {
  const write = writer(pipe, ended);
  const CHUNK = 16_384;
  for (let at = 0; at < samples.length; at += CHUNK) {
    const part = samples.subarray(at, at + CHUNK);
    if (!(await write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength)))) break;
  }
  pipe.end();
}

/** Waits for the pipe to drain. False: the encoder is gone, and its end says why. */
function writer(pipe: Writable, ended: Promise<unknown>): (data: Uint8Array) => Promise<boolean> {
  let gone = false;
  // EPIPE only says that the encoder went; its exit status and text, read afterwards, say why.
  pipe.on('error', () => (gone = true));
  void ended.then(
    () => (gone = true),
    () => (gone = true),
  );
  return async (data) => {
    if (gone) return false;
    if (!pipe.write(data)) await Promise.race([once(pipe, 'drain').catch(() => undefined), ended]);
    return !gone;
  };
}

function encodeArguments({ out, width, height, fps, audio, crf = 18, preset = 'medium', tags = {} }: EncodeVideo): string[] {
  const bitexact = ['-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact'];
  const metadata = Object.entries(tags).flatMap(([key, value]) => {
    if (!/^[a-z_]+$/.test(key)) throw new RangeError(`not a metadata key: ${key}`);
    return ['-metadata', `${key}=${value}`];
  });
  const sound = audio ? ['-f', 'f32le', '-ar', String(audio.sampleRate), '-ac', '1', '-i', 'pipe:3'] : [];
  return [
    '-v', 'error', '-hide_banner', '-nostdin', '-y', '-protocol_whitelist', 'file,pipe',
    '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-framerate', String(fps), '-i', 'pipe:0', ...sound,
    '-map', '0:v', ...(audio ? ['-map', '1:a'] : []), '-map_metadata', '-1', '-map_chapters', '-1',
    '-vf', 'scale=in_range=pc:out_range=tv:out_color_matrix=bt709:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p',
    '-c:v', 'libx264', '-preset', preset, '-profile:v', 'high', '-crf', String(crf), '-threads', '2',
    '-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv',
    ...(audio ? ['-c:a', 'aac', '-b:a', '128k'] : []), ...bitexact, ...metadata, '-movflags', '+faststart', '-f', 'mp4', `file:${out}`,
  ]; // prettier-ignore
}
