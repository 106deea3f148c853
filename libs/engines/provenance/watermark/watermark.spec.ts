import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import { type MediaTools, findMediaTools } from '#media';
import { CAST, clipOf, toRgbFrame } from '#synthetic';
import {
  VideoMarker,
  compareThumbnails,
  detectAudioMark,
  detectVideoMark,
  markAudio,
  newMarkId,
  thumbnailTrack,
} from './index.ts';
import { codewordOf, decodeId } from './mark-code.ts';
import { crc16 } from './polar.ts';

const KEY = { kid: 'k', key: new Uint8Array(32).fill(5) };
const OTHER = { kid: 'o', key: new Uint8Array(32).fill(6) };
const ID = 'c0ffee1234567890';
const SIZE = 256;
const FRAMES = 100;

let tools: MediaTools;
let folder: string;
let clean: RgbFrame[];
let marked: RgbFrame[];
const clip = clipOf({ castId: CAST[0]!.id, seconds: FRAMES / 25, size: SIZE, take: 'footage' });

beforeAll(async () => {
  tools = await findMediaTools();
  folder = mkdtempSync(join(tmpdir(), 'assent-wm-'));
  clean = [...clip.frames()].map((frame) => toRgbFrame(frame, SIZE));
  const marker = new VideoMarker(KEY.key, ID, SIZE, SIZE);
  marked = clean.map((frame) => {
    const data = frame.data.slice();
    marker.mark(data);
    return { ...frame, data };
  });
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ffmpeg = (args: string[], input?: Buffer): Buffer =>
  execFileSync(tools.ffmpeg, ['-v', 'error', '-y', ...args], { ...(input ? { input } : {}), maxBuffer: 2 ** 30 });
const rawOf = (frames: RgbFrame[]): Buffer => Buffer.concat(frames.map(({ data }) => data));

/** H.264 at `crf` after a filter, decoded again. */
function attack(frames: RgbFrame[], filter: string, crf: number, size: { width: number; height: number }): RgbFrame[] {
  const file = join(folder, 'attacked.mp4');
  ffmpeg(
    [
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
      '-s',
      `${SIZE}x${SIZE}`,
      '-r',
      '25',
      '-i',
      '-',
      '-vf',
      filter,
      '-c:v',
      'libx264',
      '-crf',
      String(crf),
      '-pix_fmt',
      'yuv420p',
      file,
    ],
    rawOf(frames),
  );
  return framesOf(ffmpeg(['-i', file, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']), size);
}
function framesOf(bytes: Buffer, { width, height }: { width: number; height: number }): RgbFrame[] {
  const length = width * height * 3;
  return Array.from({ length: Math.floor(bytes.length / length) }, (_, i) => ({
    width,
    height,
    data: bytes.subarray(i * length, (i + 1) * length),
    time: i / 25,
  }));
}
const WHOLE = { width: SIZE, height: SIZE };

describe('the code', () => {
  it('reads back any id from clean and from noisy soft bits', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.integer({ min: 1, max: 1e9 }), (bytes, seed) => {
        const id = Buffer.from(bytes).toString('hex');
        let state = seed;
        const noise = (): number => {
          // Sum of twelve uniforms: near enough to a normal deviate, and repeatable.
          let sum = -6;
          for (let i = 0; i < 12; i++) sum += (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
          return sum;
        };
        const soft = Float64Array.from(codewordOf(id), (chip) => 2 * (chip + 1.2 * noise()));
        expect(decodeId(soft)).toBe(id);
      }),
      { numRuns: 40 },
    );
  });
  it('makes nothing of noise alone more often than a CRC of 16 bits allows', () => {
    let accepted = 0;
    let state = 7;
    for (let run = 0; run < 150; run++) {
      const soft = Float64Array.from({ length: 512 }, () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 30 - 1);
      if (decodeId(soft) !== undefined) accepted++;
    }
    expect(accepted).toBeLessThanOrEqual(1);
  });
  it('has the checksum of CRC-16/CCITT-FALSE', () => {
    const bits = Uint8Array.from(
      [...Buffer.from('123456789')].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1)),
    );
    expect(crc16(bits)).toBe(0x29b1);
  });
  it('draws ids of 64 random bits', () => {
    expect(newMarkId()).toMatch(/^[0-9a-f]{16}$/);
    expect(newMarkId()).not.toBe(newMarkId());
  });
});

describe('the mark in a 256-pixel talking head survives', () => {
  it.each([
    ['nothing at all', 'null', 12, WHOLE],
    ['H.264 at CRF 28', 'null', 28, WHOLE],
    ['half the size', 'scale=iw/2:ih/2:flags=area', 23, { width: 128, height: 128 }],
    ['a crop to 0.7 of each side, off centre', 'crop=178:178:20:50', 23, { width: 178, height: 178 }],
    ['a mirror', 'hflip', 23, WHOLE],
  ] as const)('%s', async (_what, filter, crf, size) => {
    const report = await detectVideoMark(attack(marked, filter, crf, size), [KEY], { cpuBudgetMs: 60_000 });
    expect(report).toMatchObject({ found: true, id: ID, kid: 'k' });
  });

  it('one screenshot, saved as JPEG at quality 70', async () => {
    const still = join(folder, 'shot.jpg');
    const [frame] = attack(marked.slice(40, 42), 'null', 20, WHOLE);
    ffmpeg(
      ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${SIZE}x${SIZE}`, '-i', '-', '-frames:v', '1', '-q:v', '7', still],
      Buffer.from(frame!.data),
    );
    const bytes = readFileSync(still);
    expect(bytes.subarray(0, 2).toString('hex')).toBe('ffd8');
    const pictures = framesOf(ffmpeg(['-i', still, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']), WHOLE);
    expect(await detectVideoMark(pictures, [KEY])).toMatchObject({ found: true, id: ID });
  });

  it('and changes no channel by more than three levels', () => {
    let most = 0;
    for (let i = 0; i < marked[0]!.data.length; i++) most = Math.max(most, Math.abs(marked[0]!.data[i]! - clean[0]!.data[i]!));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(3);
  });
});

describe('no mark is seen where there is none', () => {
  it('in unmarked pictures', async () => {
    expect(await detectVideoMark(clean.slice(0, 50), [KEY], { cpuBudgetMs: 3000 })).toMatchObject({ found: false });
  });
  it('with another key', async () => {
    expect(await detectVideoMark(marked.slice(0, 50), [OTHER], { cpuBudgetMs: 3000 })).toMatchObject({ found: false });
  });
});

describe('a mark that was copied onto other pictures', () => {
  it('is read, and given away by the registered thumbnails', async () => {
    const other = clipOf({ castId: CAST[1]!.id, seconds: 1, size: SIZE, take: 'consent' });
    // The attacker adds what a high-pass of one marked picture holds; here even the exact difference.
    const forged = [...other.frames()].map((frame) => {
      const picture = toRgbFrame(frame, SIZE);
      const data = picture.data.map((value, i) => Math.max(0, Math.min(255, value + marked[0]!.data[i]! - clean[0]!.data[i]!)));
      return { ...picture, data };
    });
    const track = thumbnailTrack(marked.filter((_, i) => i % 25 === 0));
    const report = await detectVideoMark(forged, [KEY]);
    expect(report).toMatchObject({ found: true, id: ID });
    expect(compareThumbnails(track, [forged[0]!], report.geometry).binding).toBe('transplant_suspected');
  });

  it('while the same pictures match, also recompressed, cropped and mirrored', async () => {
    const track = thumbnailTrack(marked.filter((_, i) => i % 25 === 0));
    for (const [filter, size] of [
      ['null', WHOLE],
      ['crop=178:178:20:50', { width: 178, height: 178 }],
      ['hflip', WHOLE],
    ] as const) {
      const seen = attack(marked, filter, 24, size);
      const report = await detectVideoMark(seen, [KEY], { cpuBudgetMs: 60_000 });
      expect(compareThumbnails(track, [seen[0]!, seen[50]!], report.geometry).binding, filter).toBe('match');
    }
  }, 120_000);
});

describe('the mark in the voice', () => {
  const rate = 48_000;
  const voice = (): Float32Array => {
    const { sampleRate, samples } = clipOf({ castId: CAST[0]!.id, seconds: 6, size: SIZE, take: 'footage' }).audio();
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    return floats(
      ffmpeg(['-f', 'f32le', '-ar', String(sampleRate), '-ac', '1', '-i', '-', '-ar', String(rate), '-f', 'f32le', '-'], bytes),
    );
  };
  const floats = (bytes: Buffer): Float32Array =>
    new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));

  it('survives AAC at 64 kbit/s in six seconds of speech; another key and unmarked speech give nothing', () => {
    const speech = voice();
    const sound = markAudio(speech, KEY.key, ID);
    const file = join(folder, 'voice.m4a');
    ffmpeg(
      ['-f', 'f32le', '-ar', String(rate), '-ac', '1', '-i', '-', '-c:a', 'aac', '-b:a', '64k', file],
      Buffer.from(sound.buffer),
    );
    const heard = floats(ffmpeg(['-i', file, '-ar', String(rate), '-ac', '1', '-f', 'f32le', '-']));
    expect(detectAudioMark(heard, [KEY])).toMatchObject({ found: true, id: ID });
    expect(detectAudioMark(heard, [OTHER]).found).toBe(false);
    expect(detectAudioMark(speech, [KEY]).found).toBe(false);
  });

  it('leaves silence silent, and says that nothing is there', () => {
    const silence = new Float32Array(rate * 4);
    expect(markAudio(silence, KEY.key, ID).every((sample) => sample === 0)).toBe(true);
    expect(detectAudioMark(silence, [KEY]).found).toBe(false);
  });
});
