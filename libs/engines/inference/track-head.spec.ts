import { describe, expect, it } from 'vitest';
import { CalibrationError, driveOf } from '#face';
import type { RgbFrame } from '#kernel';
import { cartoonClip, cartoonPicture } from './cartoon-clip.ts';
import { surveyFaces } from './survey.ts';
import { trackHead } from './track-head.ts';

const square = { width: 256, height: 256, fps: 25 };

describe('tracking a head', () => {
  it('follows it through the crop with landmarks, pose, coefficients and mattes', async () => {
    const sway = (n: number) => 128 + 16 * Math.sin(n / 4);
    const progress: number[] = [];
    const track = await trackHead(
      cartoonClip({ ...square, frames: 20 }, (n) => [{ x: sway(n), y: 128, size: 150 }]),
      { fps: 25, matteSize: 128, onProgress: ({ framesRead }) => progress.push(framesRead) },
    );
    expect(progress).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    expect(track).toMatchObject({ size: 256, fps: 25, matteSize: 128 });
    expect(track.frames).toHaveLength(20);
    expect(track.mattes).toHaveLength(20);
    expect(track.mattes.every((matte) => matte.length === 128 * 128)).toBe(true);
    expect(track.frames.every((frame) => frame.present && frame.landmarks.length === 3 * 478)).toBe(true);
    const x = track.frames.map((frame) => frame.pose.x * 256);
    expect(Math.max(...x) - Math.min(...x)).toBeGreaterThan(20);
    for (const { pose } of track.frames) {
      expect(Math.abs(pose.roll)).toBeLessThan(0.1);
      expect(pose.scale).toBeGreaterThan(0.1);
    }
    expect(driveOf(track, 3).coefficients).toHaveLength(52);
    expect(Object.keys(track.models).sort()).toEqual([
      'face_detector_short_range',
      'face_mesh_attention_478',
      'selfie_segmentation',
    ]);
    expect(track.calibration!.identity).toHaveLength(150);
  });

  it('follows the head the crop was cut around, not a smaller one behind its shoulder', async () => {
    const both = [{ x: 60, y: 60, size: 70 }, { x: 150, y: 150, size: 140 }]; // prettier-ignore
    const track = await trackHead(
      cartoonClip({ ...square, frames: 6 }, () => both),
      { fps: 25, matteSize: 64 },
    );
    for (const { landmarks } of track.frames) expect(landmarks[3]).toBeGreaterThan(110);
  });

  it('repeats the last good frame while nobody is there', async () => {
    const track = await trackHead(
      cartoonClip({ ...square, frames: 14 }, (n) => (n >= 6 && n < 9 ? [] : [{ x: 128, y: 128, size: 150 }])),
      { fps: 25, matteSize: 64 },
    );
    expect(track.frames.map((frame) => frame.present)).toEqual(Array.from({ length: 14 }, (_, n) => n < 6 || n >= 9));
    expect(track.frames[7]!.landmarks).toBe(track.frames[5]!.landmarks);
    expect(track.frames[7]!.coefficients).toEqual(track.frames[5]!.coefficients);
    expect(track.mattes).toHaveLength(14);
  });

  it('refuses a clip without a face, and pictures that are not square or change their size', async () => {
    const options = { fps: 25, matteSize: 64 };
    await expect(
      trackHead(
        cartoonClip({ ...square, frames: 5 }, () => []),
        options,
      ),
    ).rejects.toThrow(CalibrationError);
    async function* pictures(...list: RgbFrame[]) {
      yield* await Promise.resolve(list);
    }
    await expect(trackHead(pictures(cartoonPicture(64, 48, [])), options)).rejects.toThrow(RangeError);
    const changing = pictures(cartoonPicture(64, 64, []), cartoonPicture(32, 32, []));
    await expect(trackHead(changing, options)).rejects.toThrow(RangeError);
    const cut = { ...cartoonPicture(64, 64, []), data: new Uint8Array(10) };
    await expect(trackHead(pictures(cut), options)).rejects.toThrow(RangeError);
  });
});

describe('the survey', () => {
  const wide = { width: 640, height: 360, fps: 5 };

  it('one person: one track, one face at once, a square around head and shoulders', async () => {
    const survey = await surveyFaces(cartoonClip({ ...wide, frames: 8 }, (n) => [{ x: 300 + 4 * n, y: 170, size: 170 }]));
    expect(survey).toMatchObject({ frames: 8, framesWithFace: 8, maxSimultaneousFaces: 1, width: 640, height: 360 });
    expect(survey.tracks).toHaveLength(1);
    expect(survey.tracks[0]!.meanEmbedding).toHaveLength(128);
    const { x, y, size } = survey.headSquare!;
    expect(x).toBeLessThan(300 - 85);
    expect(x + size).toBeGreaterThan(330 + 85);
    expect(y).toBeLessThan(100);
    expect(size).toBeLessThanOrEqual(360);
  });

  it('two people at once are two tracks, also when one of them comes late', async () => {
    const survey = await surveyFaces(
      cartoonClip({ ...wide, frames: 8 }, (n) => [
        { x: 180, y: 180, size: 180 },
        ...(n >= 4 ? [{ x: 480, y: 180, size: 160 }] : []),
      ]),
    );
    expect(survey.maxSimultaneousFaces).toBe(2);
    expect(survey.tracks).toHaveLength(2);
    expect(survey.tracks[1]!.firstTime).toBeCloseTo(0.8, 5);
    // the square is the main face's
    expect(survey.headSquare!.x).toBeLessThan(180);
  });

  it('a bystander too small for the whole picture is still a second person', async () => {
    const survey = await surveyFaces(
      cartoonClip({ width: 1280, height: 720, fps: 5, frames: 7 }, () => [
        { x: 640, y: 360, size: 400 },
        { x: 1180, y: 120, size: 90 },
      ]),
    );
    expect(survey.maxSimultaneousFaces).toBe(2);
    expect(survey.tracks).toHaveLength(2);
  });

  it('nobody: no tracks, no square', async () => {
    const survey = await surveyFaces(cartoonClip({ ...wide, frames: 3 }, () => []));
    expect(survey).toMatchObject({ framesWithFace: 0, tracks: [], maxSimultaneousFaces: 0, headSquare: null });
  });
});
