import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import { decodeAudio } from './decode-audio.ts';
import { type DecodeFrames, decodeFrames } from './decode-frames.ts';
import type { MediaProbe } from './media-probe.ts';
import { type MediaTools, findMediaTools } from './media-tools.ts';
import { probeMedia } from './probe.ts';
import { type Sandbox, chooseSandbox } from './sandbox.ts';
import { ClipFolder, leftovers } from './clips.fixture.ts';

let tools: MediaTools;
let sandbox: Sandbox;
let clips: ClipFolder;
let path: string;
let probe: MediaProbe;

// The grey level of the picture counts the time: 20 levels a second, on top of a white square at (100, 40)–(140, 80).
beforeAll(async () => {
  tools = await findMediaTools();
  sandbox = chooseSandbox();
  clips = new ClipFolder(tools);
  path = clips.make(
    "-f lavfi -i nullsrc=s=320x180:r=25:d=6,geq=lum='if(between(X\\,100\\,139)*between(Y\\,40\\,79)\\,235\\,30+20*T)':cb=128:cr=128 -f lavfi -i sine=d=6 -c:v libx264 -preset ultrafast -qp 4 -g 100 -bf 2 -colorspace bt709 -c:a aac clock.mp4",
  );
  probe = await probeMedia(path, tools, sandbox);
});
afterAll(() => clips.remove());

const read = (options: Partial<DecodeFrames> = {}): AsyncGenerator<RgbFrame, void, void> =>
  decodeFrames(path, probe, { fps: 25, width: 160, height: 90, ...options }, tools, sandbox);
async function all(options: Partial<DecodeFrames> = {}): Promise<RgbFrame[]> {
  const frames: RgbFrame[] = [];
  for await (const frame of read(options)) frames.push(frame);
  return frames;
}
const pixel = ({ data, width }: RgbFrame, x: number, y: number): number => data[(y * width + x) * 3 + 1]!;
/** Seconds that a frame's grey shows: limited-range luma 30 + 20 t. */
const clock = (frame: RgbFrame): number => ((pixel(frame, 2, 2) / 255) * 219 + 16 - 30) / 20;

it('places frames by time at any working rate, also from the middle', async () => {
  for (const options of [{ fps: 25 }, { fps: 10 }, { fps: 30 }, { fps: 25, start: 1.2 }, { fps: 25, start: 4.52, duration: 1 }]) {
    const frames = await all(options);
    const span = Math.min(('duration' in options ? options.duration : 6)!, 6 - (options.start ?? 0));
    expect(frames).toHaveLength(Math.round(span * options.fps));
    for (const frame of frames) expect(Math.abs(clock(frame) - frame.time)).toBeLessThan(0.5 / options.fps + 0.06);
    expect(frames[0]!.time).toBe(options.start ?? 0);
  }
});

it('cuts exactly the crop, odd edges included, and paints black beyond the picture', async () => {
  const [odd] = await all({ duration: 0.04, crop: { x: 99, y: 39, size: 42 }, width: 42, height: 42 });
  expect(pixel(odd!, 0, 21)).toBeLessThan(90);
  expect(pixel(odd!, 2, 21)).toBeGreaterThan(200);
  expect(pixel(odd!, 39, 21)).toBeGreaterThan(200);
  expect(pixel(odd!, 41, 21)).toBeLessThan(90);
  const [beyond] = await all({ duration: 0.04, crop: { x: -40, y: -40, size: 80 }, width: 80, height: 80 });
  expect([pixel(beyond!, 20, 60), pixel(beyond!, 60, 20)]).toEqual([0, 0]);
  expect(pixel(beyond!, 60, 60)).toBeGreaterThan(5);
});

it('stops the process when the reader stops, waits while it works, and obeys the signal', async () => {
  for await (const frame of read()) if (frame.time > 0.2) break;
  expect(leftovers(path)).toEqual([]);

  const slow = read({ width: 640, height: 360 });
  await slow.next();
  await new Promise((done) => setTimeout(done, 300));
  // 150 frames of 691 kB: were they not held back, the decoder would be done by now.
  expect(leftovers(path).length).toBeGreaterThan(0);
  await slow.return();
  expect(leftovers(path)).toEqual([]);

  const controller = new AbortController();
  const stopped = async (): Promise<void> => {
    for await (const frame of read({ signal: controller.signal })) if (frame.time > 0.2) controller.abort(new Error('cancelled'));
  };
  await expect(stopped()).rejects.toThrow('cancelled');
  expect(leftovers(path)).toEqual([]);
  await expect(all({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
});

it('gives each frame memory of its own', async () => {
  const frames = await all({ duration: 0.2 });
  expect(new Set(frames.map(({ data }) => data.buffer)).size).toBe(frames.length);
});

it('cuts sound to the same clock, null for silent clips', async () => {
  const sound = (await decodeAudio(path, probe, { sampleRate: 8000, start: 1, duration: 2 }, tools, sandbox))!;
  expect(sound).toHaveLength(16_000);
  expect(Math.max(...sound)).toBeGreaterThan(0.05);
  const silent = clips.make('-i clock.mp4 -an -c copy silent.mp4');
  const found = await probeMedia(silent, tools, sandbox);
  expect(found.audio).toBeNull();
  expect(await decodeAudio(silent, found, { sampleRate: 8000 }, tools, sandbox)).toBeNull();
});
