import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RgbFrame } from '#kernel';

/** Standard luma table of JPEG at quality 70 (libjpeg's scaling), which ffmpeg's encoder then uses for all planes. */
const JPEG_70 =
  '10,7,6,10,14,24,31,37,7,7,8,11,16,35,36,33,8,8,10,14,24,34,41,34,8,10,13,17,31,52,48,37,11,13,22,34,41,65,62,46,14,21,33,38,49,62,68,55,29,38,47,52,62,73,72,61,43,55,57,59,67,60,62,59';

/** What is done to published clips, by ffmpeg. */
export class Attacks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'assent-marks-'));

  /** Why the attacks cannot be run here, or undefined. */
  static missing(): string | undefined {
    const done = spawnSync('ffmpeg', ['-hide_banner', '-encoders'], { encoding: 'utf8' });
    if (done.status !== 0) return 'ffmpeg is not installed';
    return done.stdout.includes('libx264') ? undefined : 'ffmpeg has no libx264';
  }

  /** Through H.264 with 4:2:0; `filter` is applied before encoding. The size may change. */
  h264(frames: readonly RgbFrame[], crf: number, filter = 'null'): RgbFrame[] {
    return this.#through(frames, ['-vf', filter, '-c:v', 'libx264', '-threads', '1', '-crf', String(crf), '-pix_fmt', 'yuv420p'], 'clip.mp4'); // prettier-ignore
  }

  /** A screenshot: one frame, saved as JPEG at quality 70. */
  jpeg70(frame: RgbFrame, filter = 'null'): RgbFrame[] {
    return this.#through([frame], ['-vf', filter, '-frames:v', '1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-q:v', '8', '-intra_matrix', JPEG_70], 'shot.jpg'); // prettier-ignore
  }

  /** Mono sound at 48 kHz through a codec and back. */
  sound(samples: Float32Array, encode: readonly string[], name = 'sound.m4a'): Float32Array {
    const path = join(this.#folder, name);
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    ffmpeg(['-f', 'f32le', '-ar', '48000', '-ac', '1', '-i', '-', ...encode, path], bytes);
    const raw = ffmpeg(['-i', path, '-ac', '1', '-ar', '48000', '-f', 'f32le', '-']);
    return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + (raw.length & ~3)));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #through(frames: readonly RgbFrame[], encode: readonly string[], name: string): RgbFrame[] {
    const { width, height } = frames[0]!;
    const path = join(this.#folder, name);
    const raw = ['-f', 'rawvideo', '-pix_fmt', 'rgb24'];
    ffmpeg(
      [...raw, '-s', `${width}x${height}`, '-r', '25', '-i', '-', ...encode, path],
      Buffer.concat(frames.map(({ data }) => data)),
    );
    // Portable pixmaps say their size themselves.
    return pixmaps(ffmpeg(['-i', path, '-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', '-']));
  }
}

function ffmpeg(args: readonly string[], input?: Uint8Array): Buffer {
  const done = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], { input, maxBuffer: 1 << 29 });
  if (done.status !== 0) throw new Error(`ffmpeg: ${String(done.stderr)}`);
  return done.stdout;
}

function pixmaps(stream: Buffer): RgbFrame[] {
  const frames: RgbFrame[] = [];
  for (let at = 0; at < stream.length;) {
    const head = /^P6\s(\d+) (\d+)\s255\s/.exec(stream.toString('latin1', at, at + 40))!;
    const [width, height] = [Number(head[1]), Number(head[2])];
    const start = at + head[0].length;
    at = start + 3 * width * height;
    frames.push({ width, height, data: new Uint8Array(stream.subarray(start, at)), time: frames.length / 25 });
  }
  return frames;
}
