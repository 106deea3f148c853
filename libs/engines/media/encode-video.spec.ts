import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeAudio } from './decode-audio.ts';
import { decodeFrames } from './decode-frames.ts';
import { type EncodeVideo, encodeVideo } from './encode-video.ts';
import { type MediaTools, type MediaToolsSource, findMediaTools } from './media-tools.ts';
import { benchMedia } from './media.bench.ts';
import { probeMedia } from './probe.ts';
import { type Sandbox, chooseSandbox } from './sandbox.ts';
import { runTool } from './tool-process.ts';
import { ClipFolder, leftovers } from './clips.fixture.ts';

let tools: MediaTools;
let sandbox: Sandbox;
let clips: ClipFolder;
beforeAll(async () => {
  tools = await findMediaTools();
  sandbox = chooseSandbox();
  clips = new ClipFolder(tools);
});
afterAll(() => clips.remove());

const [width, height, fps] = [64, 48, 25];
/** Flat frames of one colour. */
async function* flat(colour: readonly number[], count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Uint8Array.from({ length: width * height * 3 }, (_, at) => colour[at % 3]!);
}
const tone = (seconds: number): { samples: Float32Array; sampleRate: number } => ({
  sampleRate: 16_000,
  samples: Float32Array.from({ length: seconds * 16_000 }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / 16_000)),
});
const request = (out: string, more: Partial<EncodeVideo> = {}): EncodeVideo => ({
  out: clips.at(out),
  width,
  height,
  fps,
  frames: flat([200, 140, 110], 50),
  audio: tone(2),
  ...more,
});

/** Every source of tools must walk the whole way: encode, probe, decode. */
describe.each<MediaToolsSource>(['system', 'npm-2018'])('with the tools of source %s', (source) => {
  it('keeps colour, length and sound', async ({ skip }) => {
    const found = await findMediaTools({ sources: [source] }).catch((error: unknown) => String(error));
    if (typeof found === 'string') return skip(found);
    if (source === 'npm-2018') expect(found.warning).toMatch(/demo/);
    const done = await encodeVideo(request(`${source}.mp4`), found, sandbox);
    expect(done.frames).toBe(50);
    const path = clips.at(`${source}.mp4`);
    const probe = await probeMedia(path, found, sandbox);
    expect(probe).toMatchObject({
      mediaType: 'video/mp4',
      display: { width, height },
      variableFrameRate: false,
      video: {
        codec: 'h264',
        pixelFormat: 'yuv420p',
        color: { transfer: 'bt709', primaries: 'bt709', matrix: 'bt709', fullRange: false },
      },
      audio: { codec: 'aac', sampleRate: 16_000 },
    });
    expect(probe.duration).toBeCloseTo(2, 2);
    for await (const { data } of decodeFrames(path, probe, { fps, width, height, duration: 0.2 }, found, sandbox))
      for (const [i, value] of [200, 140, 110].entries()) expect(Math.abs(data[i]! - value)).toBeLessThanOrEqual(3);
    const sound = (await decodeAudio(path, probe, { sampleRate: 16_000 }, found, sandbox))!;
    expect(sound).toHaveLength(32_000);
    const rms = Math.sqrt(sound.reduce((sum, one) => sum + one * one, 0) / sound.length);
    expect(rms).toBeGreaterThan(0.3);
  });
});

it('writes the same bytes twice, the index in front, the given tag and nothing else', async () => {
  await encodeVideo(request('a.mp4', { tags: { comment: 'AI-generated' } }), tools, sandbox);
  await encodeVideo(request('b.mp4', { tags: { comment: 'AI-generated' } }), tools, sandbox);
  const bytes = readFileSync(clips.at('a.mp4'));
  expect(bytes.equals(readFileSync(clips.at('b.mp4')))).toBe(true);
  expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
  const shown = await runTool(
    sandbox,
    tools.ffprobe,
    ['-v', 'error', '-show_entries', 'format_tags:stream_tags', '-of', 'json', clips.at('a.mp4')],
    {
      readOnly: [clips.at('a.mp4')],
    },
  );
  const text = shown.stdout.toString();
  expect(text).toContain('"comment": "AI-generated"');
  expect(text).not.toMatch(/Lav[fc]\d|creation_time/);
});

it('takes silence, and refuses odd sides and frames of another size', async () => {
  await encodeVideo(request('silent.mp4', { audio: null }), tools, sandbox);
  expect((await probeMedia(clips.at('silent.mp4'), tools, sandbox)).audio).toBeNull();
  await expect(encodeVideo(request('odd.mp4', { width: 63 }), tools, sandbox)).rejects.toThrow(RangeError);
  await expect(encodeVideo(request('wrong.mp4', { width: 32 }), tools, sandbox)).rejects.toThrow(/bytes/);
  expect(existsSync(clips.at('wrong.mp4'))).toBe(false);
  expect(leftovers(clips.path)).toEqual([]);
});

it('leaves no file and no process after an abort, a failing source or a failing encoder', async () => {
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let i = 0; ; i++) {
      if (i === 30) controller.abort(new Error('cancelled'));
      yield* flat([1, 2, 3], 1);
    }
  }
  await expect(
    encodeVideo(request('abort.mp4', { frames: endless(), signal: controller.signal }), tools, sandbox),
  ).rejects.toThrow('cancelled');
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* flat([1, 2, 3], 5);
    throw new Error('renderer broke');
  }
  await expect(encodeVideo(request('source.mp4', { frames: failing() }), tools, sandbox)).rejects.toThrow('renderer broke');
  await expect(encodeVideo(request('fps.mp4', { fps: -1 }), tools, sandbox)).rejects.toThrow();
  await expect(encodeVideo(request('ok.mp4', { tags: { 'x=y -i': 'z' } }), tools, sandbox)).rejects.toThrow(RangeError);
  for (const name of ['abort.mp4', 'source.mp4', 'fps.mp4', 'ok.mp4']) expect(existsSync(clips.at(name)), name).toBe(false);
  expect(leftovers(clips.path)).toEqual([]);
});

it('measures itself', async () => {
  const figures = await benchMedia({ seconds: 0.4 });
  expect(figures.map(({ name }) => name)).toEqual(['media.encode.512', 'media.probe', 'media.decode.512']);
  expect(figures.every(({ value }) => value > 0)).toBe(true);
});
