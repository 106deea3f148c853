import { describe, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import { detectVideoMark } from './detect-video.ts';
import { drawnClip } from './drawn-clip.fixture.ts';
import { identity } from './geometry.ts';
import { boxMean, lumaOf } from './luma-map.ts';
import { compareThumbnails, thumbnailTrack } from './thumbnail-track.ts';
import { createVideoMarker } from './video-marker.ts';

const KEY = new Uint8Array(32).fill(5);
const KEYS = [{ kid: 'wm-1', key: KEY }];
const ID = '8f2a6c01d45e9b73';
const SIDE = 256;

function marked(frames: readonly RgbFrame[]): RgbFrame[] {
  const marker = createVideoMarker({ key: KEY, id: ID, width: SIDE, height: SIDE });
  return frames.map((frame) => {
    const data = frame.data.slice();
    marker.mark(data);
    return { ...frame, data };
  });
}

function cropped({ data, width, time }: RgbFrame, x: number, y: number, side: number): RgbFrame {
  const out = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++)
    out.set(data.subarray(3 * ((y + row) * width + x), 3 * ((y + row) * width + x + side)), 3 * row * side);
  return { width: side, height: side, data: out, time };
}

function mirrored({ data, width, height, time }: RgbFrame): RgbFrame {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) out[3 * (y * width + x) + c] = data[3 * (y * width + width - 1 - x) + c]!;
  return { width, height, data: out, time };
}

/** The five-line forgery: what is finer than its surroundings in one published frame, added to somebody else's pictures. No key. */
function copyMark(from: RgbFrame, onto: readonly RgbFrame[], gain = 1): RgbFrame[] {
  const luma = lumaOf(from);
  const mean = boxMean(luma, from.width, from.height, 5);
  const detail = luma.map((value, i) => Math.max(-6, Math.min(6, value - mean[i]!)) * gain);
  return onto.map((frame) => ({
    ...frame,
    data: frame.data.map((value, p) => Math.max(0, Math.min(255, Math.round(value + detail[Math.floor(p / 3)]!)))),
  }));
}

describe('content binding', () => {
  const clip = marked(drawnClip({ size: SIDE, frames: 5 }));
  const track = thumbnailTrack(clip.slice(0, 2));

  it('stores one kilobyte a picture', () => {
    expect(track).toMatchObject({ columns: 32, rows: 32, chips: 72 });
    expect(Buffer.from(track.pictures[0]!, 'base64')).toHaveLength(1024);
  });

  it('recognises its own pictures, whole, cropped and mirrored', async () => {
    const edits: Record<string, RgbFrame[]> = {
      whole: clip,
      cropped: clip.map((frame) => cropped(frame, 20, 40, 190)),
      mirrored: clip.map(mirrored),
    };
    for (const [edit, frames] of Object.entries(edits)) {
      const report = await detectVideoMark(frames, KEYS, { cpuBudgetMs: 1e9 });
      expect(report.id, edit).toBe(ID);
      const compared = compareThumbnails(track, frames, report.geometry);
      expect(compared.binding, `${edit}: ${compared.similarity}`).toBe('match');
      expect(compared.similarity, edit).toBeGreaterThan(0.97);
    }
  });

  it('calls a picture with a large overlay derived', () => {
    const covered = clip.map((frame) => ({ ...frame, data: frame.data.map((v, p) => (p < 3 * SIDE * 60 ? 240 : v)) }));
    expect(compareThumbnails(track, covered, identity(72)).binding).toBe('derived');
  });

  it('suspects a transplant when one frame’s high-pass was added to another clip', async () => {
    const victim = drawnClip({ size: SIDE, frames: 5, seed: 2 });
    const forged = copyMark(clip[0]!, victim);
    const report = await detectVideoMark(forged, KEYS);
    // The mark itself is copied perfectly: the id is read back, so it can never be a proof by itself.
    expect(report).toMatchObject({ found: true, id: ID });
    expect(compareThumbnails(track, forged, report.geometry).binding).toBe('transplant_suspected');
  });

  it('cannot tell without pictures or without anything to see in them', () => {
    expect(compareThumbnails(track, [], identity(72)).binding).toBe('cannot_tell');
    const wall = { width: SIDE, height: SIDE, time: 0, data: new Uint8Array(3 * SIDE * SIDE).fill(90) };
    expect(compareThumbnails(thumbnailTrack([wall]), [wall], identity(72)).binding).toBe('cannot_tell');
  });
});
