import { describe, expect, it } from 'vitest';
import { coefficientIndex, type CoefficientName } from '#face';
import type { RgbFrame } from '#kernel';
import { createPerson, FAR_PAIRS, recordClip, type SyntheticPerson, toRgbFrame } from '#synthetic';
import { compareEmbeddings } from './embedding.ts';
import { bandOf, FACE_MATCH } from './face-match.ts';
import { surveyFaces } from './survey.ts';
import { trackHead } from './track-head.ts';

// People who do not exist (the synthetic cast): no net decides here about anybody.
const SIZE = 256;
const [ONE, OTHER] = FAR_PAIRS[0]!.map((id) => createPerson(id)) as [SyntheticPerson, SyntheticPerson];
const pictures = (person: SyntheticPerson, take: string, count: number): RgbFrame[] => {
  const clip = recordClip(person, { take, seconds: 4, size: SIZE });
  return Array.from({ length: count }, (_, i) => toRgbFrame(clip.frameAt(5 * i), SIZE));
};
async function* stream(frames: readonly RgbFrame[]): AsyncGenerator<RgbFrame> {
  for (const [n, frame] of frames.entries()) yield await Promise.resolve({ ...frame, time: n / 5 });
}
/** Two pictures beside each other. */
function beside(left: RgbFrame, right: RgbFrame): RgbFrame {
  const data = new Uint8Array(6 * SIZE * SIZE);
  for (let y = 0; y < SIZE; y++) {
    data.set(left.data.subarray(3 * SIZE * y, 3 * SIZE * (y + 1)), 6 * SIZE * y);
    data.set(right.data.subarray(3 * SIZE * y, 3 * SIZE * (y + 1)), 6 * SIZE * y + 3 * SIZE);
  }
  return { width: 2 * SIZE, height: SIZE, data, time: left.time };
}

describe('who is in a clip', () => {
  const one = pictures(ONE, 'footage', 9);
  const other = pictures(OTHER, 'footage', 9);

  it('the same person in another light, room and motion is accepted; another person is refused', async () => {
    const mean = async (frames: readonly RgbFrame[]) => (await surveyFaces(stream(frames))).tracks[0]!.meanEmbedding!;
    const footage = await mean(one);
    expect(compareEmbeddings(footage, await mean(pictures(ONE, 'consent', 7)))).toBeGreaterThan(FACE_MATCH.accept);
    expect(bandOf(compareEmbeddings(footage, await mean(other)))).toBe('refuse');
  });

  it('a face swapped in mid-clip, in the same place, is a track of its own', async () => {
    const survey = await surveyFaces(stream([...one, ...other]));
    expect(survey.maxSimultaneousFaces).toBe(1);
    expect(survey.tracks).toHaveLength(2);
    const [before, after] = survey.tracks.map((track) => track.meanEmbedding!);
    expect(bandOf(compareEmbeddings(before!, after!))).toBe('refuse');
    // the picture without an embedding before the suspicion goes to the stranger: at the latest the swap itself
    expect(survey.tracks[1]!.firstTime).toBeLessThanOrEqual(one.length / 5);
  });

  it('two people beside each other are two faces at once', async () => {
    const survey = await surveyFaces(stream(one.slice(0, 6).map((frame, i) => beside(frame, other[i]!))));
    expect(survey.maxSimultaneousFaces).toBe(2);
    expect(survey.tracks).toHaveLength(2);
  });
});

const correlation = (x: readonly number[], y: readonly number[]): number => {
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const sum = (f: (i: number) => number) => x.reduce((total, _, i) => total + f(i), 0);
  const [xy, xx, yy] = [sum((i) => (x[i]! - mx) * (y[i]! - my)), sum((i) => (x[i]! - mx) ** 2), sum((i) => (y[i]! - my) ** 2)];
  return xy / Math.sqrt(xx * yy);
};

describe('a tracked head against the truth', () => {
  it('turns as the person turned, opens as the mouth opened, and the landmarks stand on the face', async () => {
    const clip = recordClip(ONE, { take: 'footage', seconds: 4, size: SIZE });
    const indices = Array.from({ length: 40 }, (_, i) => 2 * i);
    const frames = indices.map((i) => clip.frameAt(i));
    async function* feed(): AsyncGenerator<RgbFrame> {
      for (const frame of frames) yield await Promise.resolve(toRgbFrame(frame, SIZE));
    }
    const track = await trackHead(feed(), { fps: 12.5, matteSize: 128, neutralSeconds: 0.4 });
    expect(track.frames.every((frame) => frame.present)).toBe(true);
    const truth = frames.map((frame) => frame.truth);
    const pose = (key: 'yaw' | 'pitch') => correlation(truth.map((t) => t.pose[key]), track.frames.map((f) => f.pose[key])); // prettier-ignore
    expect(pose('yaw')).toBeGreaterThan(0.95);
    expect(pose('pitch')).toBeGreaterThan(0.75);
    const read = (name: CoefficientName) =>
      correlation(
        truth.map((t) => t.coefficients[coefficientIndex(name)]!),
        track.frames.map((f) => f.coefficients[coefficientIndex(name)]!),
      );
    expect(read('jawOpen')).toBeGreaterThan(0.7);
    let distance = 0;
    truth.forEach(({ landmarks }, n) => {
      const { landmarks: found } = track.frames[n]!;
      for (let i = 0; i < 468; i++) {
        distance += Math.hypot(landmarks[2 * i]! - found[3 * i]!, landmarks[2 * i + 1]! - found[3 * i + 1]!) / 468;
      }
    });
    expect(distance / truth.length).toBeLessThan(5);
  });
});
