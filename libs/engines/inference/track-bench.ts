import type { BenchFigure, RgbFrame } from '#kernel';
import { type CartoonPlace, cartoonPicture } from './cartoon-clip.ts';
import { surveyFaces } from './survey.ts';
import { trackHead } from './track-head.ts';

const SIDE = 512;
const CARTOON_FRAMES = 300;

/** A swaying cartoon, drawn beforehand so that drawing is not measured. */
async function* swayingCartoon(): AsyncGenerator<RgbFrame> {
  const at = (n: number): CartoonPlace => ({ x: 256 + 20 * Math.sin(n), y: 256 + 6 * Math.cos(n), size: 300 });
  const pictures = Array.from({ length: 12 }, (_, n) => cartoonPicture(SIDE, SIDE, [at((n * Math.PI) / 6)]));
  for (let n = 0; n < CARTOON_FRAMES; n++) yield await Promise.resolve({ ...pictures[n % 12]!, time: n / 25 });
}

/**
 * Frames per CPU-second of this process for landmarks, mattes, calibration and coefficients together, on square frames (512² where
 * none are given: a cartoon). Decoding in a child process is not in it.
 */
export async function benchTrack(frames: AsyncIterable<RgbFrame> = swayingCartoon(), fps = 25): Promise<BenchFigure[]> {
  // The nets are loaded before the clock starts: a clip of minutes does not notice them.
  await trackHead(firstOf(swayingCartoon(), 6), { fps, matteSize: 256 });
  const start = process.cpuUsage();
  const track = await trackHead(frames, { fps, matteSize: 256 });
  const seconds = cpuSeconds(start);
  const value = track.frames.length / seconds;
  const present = track.frames.filter((frame) => frame.present).length / track.frames.length;
  return [
    { name: 'tracking, landmarks + mattes + coefficients', value, unit: 'frames / CPU-s', goal: '>= 60', ok: value >= 60 },
    { name: 'frames with a face', value: 100 * present, unit: '%' },
  ];
}

/** CPU-milliseconds per surveyed picture: all faces, their landmarks and embeddings. */
export async function benchSurvey(frames: AsyncIterable<RgbFrame> = firstOf(swayingCartoon(), 60)): Promise<BenchFigure[]> {
  await surveyFaces(firstOf(swayingCartoon(), 6));
  const start = process.cpuUsage();
  const survey = await surveyFaces(frames);
  return [{ name: 'survey', value: (1000 * cpuSeconds(start)) / survey.frames, unit: 'CPU-ms / picture' }];
}

function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

async function* firstOf<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let taken = 0;
  for await (const item of items) {
    if (taken++ >= count) return;
    yield item;
  }
}
