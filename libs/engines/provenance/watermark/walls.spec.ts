import { afterAll, describe, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import { Attacks } from './attacks.fixture.ts';
import { detectVideoMark } from './detect-video.ts';
import { drawnClip } from './drawn-clip.fixture.ts';
import { createVideoMarker } from './video-marker.ts';

const KEY = new Uint8Array(32).fill(5);
const KEYS = [{ kid: 'wm-1', key: KEY }];
const ID = '8f2a6c01d45e9b73';
const missing = Attacks.missing();
if (missing !== undefined) console.warn(`walls.spec.ts is skipped: ${missing}`);

/** Conversions that players, editors and web sites make without being asked. */
const CONVERSIONS = {
  'limited range, BT.601': 'scale=in_color_matrix=bt601:out_color_matrix=bt601:in_range=full:out_range=tv,format=yuv420p',
  'BT.709 read as BT.601': 'scale=out_color_matrix=bt709,format=yuv420p,setparams=colorspace=smpte170m,scale=in_color_matrix=bt601,format=rgb24',
  'limited range read as full': 'scale=out_range=tv,format=yuv444p,setparams=range=pc,scale=in_range=full,format=rgb24',
  '4:4:4 to 4:2:0 and back': 'format=yuv444p,format=yuv420p,format=yuv444p',
} as const; // prettier-ignore

describe.skipIf(missing !== undefined)('WM-01: flat, dark and converted pictures at 256 × 256', () => {
  const attacks = missing === undefined ? new Attacks() : undefined;
  afterAll(() => attacks?.remove());

  const markedBefore = (wall: number): RgbFrame[] => {
    const marker = createVideoMarker({ key: KEY, id: ID, width: 256, height: 256 });
    const frames = drawnClip({ size: 256, frames: 10, wall });
    for (const { data } of frames) marker.mark(data);
    return frames;
  };

  for (const [name, wall] of [
    ['white', 255],
    ['grey', 128],
    ['black', 0],
  ] as const) {
    it(`reads 64 bits back before a ${name} wall after every conversion and CRF 28`, async () => {
      const frames = markedBefore(wall);
      for (const [conversion, filter] of Object.entries(CONVERSIONS)) {
        const report = await detectVideoMark(attacks!.h264(frames, 28, filter), KEYS, { cpuBudgetMs: 0 });
        expect.soft(report.id, `${name}, ${conversion}`).toBe(ID);
      }
    });
  }

  it('says "not found" and names no wrong id where a mistaken range clips the wall away', async () => {
    // 255 read as limited range: every level above 235 becomes 255, and with it the mark on the wall.
    const clipped = attacks!.h264(markedBefore(255), 28, 'scale=out_range=full,format=yuv444p,setparams=range=tv,scale=in_range=tv,format=rgb24'); // prettier-ignore
    const report = await detectVideoMark(clipped, KEYS, { cpuBudgetMs: 0 });
    expect([undefined, ID]).toContain(report.id);
    expect(report.found).toBe(report.id === ID);
  });
});
