import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import type { MarkRow } from './mark-registry.ts';
import { type MediaDecoder, searchWatermark } from './watermark-search.ts';
import { VideoMarker, thumbnailTrack } from './watermark/index.ts';

const SIDE = 256;
const KEY = { kid: 'wm-1', key: new Uint8Array(32).fill(7) };
const ID = '0123456789abcdef';

/** Two made-up pictures; `seconds` apart in time, they stand for a clip of one picture a second. */
function picture(seed: number, second: number): RgbFrame {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const wave = Math.sin((x * seed) / 17) + Math.cos((y * seed * 0.7) / 23) + Math.sin((x + y * seed) / 41);
      data.fill(Math.round(128 + 35 * wave), 3 * (y * SIDE + x), 3 * (y * SIDE + x) + 3);
    }
  new VideoMarker(KEY.key, ID, SIDE, SIDE).mark(data);
  return { width: SIDE, height: SIDE, data, time: second };
}
const own = picture(1, 0);
const other = picture(5, 0);
const row: MarkRow = {
  id: ID,
  kid: KEY.kid,
  render_id: '01938f00-0000-7000-8000-000000000001',
  manifest_sha256: createHash('sha256').digest('hex'),
  asset_sha256: 'b'.repeat(64),
  media: ['video'],
  thumbnails: thumbnailTrack([own]) as MarkRow['thumbnails'],
  issued_at: new Date().toISOString(),
};

class Clip implements MediaDecoder {
  given = 0;
  closed = 0;
  constructor(
    private readonly length: number,
    private readonly at: (second: number) => RgbFrame,
  ) {}
  async *frames(): AsyncIterable<RgbFrame> {
    try {
      for (let second = 0; second < this.length; second++, this.given++) {
        await Promise.resolve();
        yield { ...this.at(second), time: second };
      }
    } finally {
      this.closed++;
    }
  }
  audio = (): Promise<null> => Promise.resolve(null);
}
const look = (clip: Clip, rows = [row]) =>
  searchWatermark('', { keys: [KEY], decoder: clip, cpuBudgetMs: 1, maxFrames: 10 }, rows);

describe('a clip that is longer than the detector looks', () => {
  it('matches when all of it is the registered one', async () => {
    const clip = new Clip(60, () => own);
    expect(await look(clip)).toMatchObject({ state: 'match', reasons: [], video: { framesUsed: 10 } });
    expect(clip).toMatchObject({ given: 60, closed: 1 });
  });

  it('does not match when it goes on with other pictures after the detector has seen enough', async () => {
    const report = await look(new Clip(60, (second) => (second < 30 ? own : other)));
    expect(report.state).not.toBe('match');
    expect(report.video?.found).toBe(true);
  });

  it('does not match when its rest cannot be seen', async () => {
    const report = await look(
      new Clip(60, (second) => {
        if (second > 30) throw new Error('cut off');
        return own;
      }),
    );
    expect(report).toMatchObject({ state: 'derived', reasons: ['could not look: Error: cut off'] });
  });

  it('is not read to its end when nothing was found in its beginning, and is closed', async () => {
    const plain = { ...own, data: new Uint8Array(SIDE * SIDE * 3).fill(90) };
    const clip = new Clip(60, () => plain);
    expect(await look(clip)).toMatchObject({ state: 'none' });
    expect(clip).toMatchObject({ given: 9, closed: 1 });
  });
});

it('an id that no row names is not resolved', async () => {
  expect(await look(new Clip(3, () => own), [])).toMatchObject({ state: 'cannot_tell', id: ID });
});
