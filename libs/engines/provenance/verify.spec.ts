import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError, type RgbFrame } from '#kernel';
import { type MarkRow, signMarkRow } from './mark-registry.ts';
import { MediaFolder, SPEC, newIdentity } from './provenance.fixture.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';
import { verify } from './verify.ts';
import type { MediaDecoder } from './watermark-search.ts';
import { AUDIO, VideoMarker, markAudio, thumbnailTrack } from './watermark/index.ts';

const SIDE = 256;
const KEY = { kid: 'wm-1', key: new Uint8Array(32).fill(7) };
const ID = '0123456789abcdef';
const OTHER_ID = 'fedcba9876543210';

/** Smooth made-up pictures, less than a second of them: two seeds are two clips. */
function clip(seed: number, count = 20): RgbFrame[] {
  return Array.from({ length: count }, (_, n) => {
    const data = new Uint8Array(SIDE * SIDE * 3);
    for (let y = 0; y < SIDE; y++)
      for (let x = 0; x < SIDE; x++) {
        const wave = Math.sin((x * seed + n) / 17) + Math.cos((y * seed * 0.7 - n) / 23) + Math.sin((x + y * seed) / 41);
        data.fill(Math.round(128 + 35 * wave), 3 * (y * SIDE + x), 3 * (y * SIDE + x) + 3);
      }
    return { width: SIDE, height: SIDE, data, time: n / 25 };
  });
}
const marked = (frames: RgbFrame[], id: string): RgbFrame[] => {
  const marker = new VideoMarker(KEY.key, id, SIDE, SIDE);
  for (const { data } of frames) marker.mark(data);
  return frames;
};
const decoderOf = (frames: RgbFrame[], audio: Float32Array | null = null): MediaDecoder => ({
  async *frames() {
    await Promise.resolve();
    yield* frames;
  },
  audio: () => Promise.resolve(audio),
});

let folder: MediaFolder;
let identity: ClaimIdentity;
let file: string;
let row: string;
let render: RgbFrame[];

const rowOf = (change: Partial<MarkRow>, manifest: Uint8Array): Promise<string> =>
  signMarkRow(
    {
      id: ID,
      kid: KEY.kid,
      render_id: '01938f00-0000-7000-8000-000000000001',
      manifest_sha256: createHash('sha256').update(manifest).digest('hex'),
      asset_sha256: 'b'.repeat(64),
      media: ['video'],
      thumbnails: thumbnailTrack(render.slice(0, 1)) as MarkRow['thumbnails'],
      issued_at: new Date().toISOString(),
      ...change,
    },
    identity.signer,
    identity.chainPem,
  );
let manifest: Uint8Array;

beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
  file = folder.at('render.png');
  const softBindings = [{ alg: 'dev.assent.watermark.video.1', value: ID }];
  manifest = await signAsset(
    { input: folder.png(), output: file, mimeType: 'image/png' },
    { ...SPEC, softBindings },
    [],
    identity,
  );
  render = marked(clip(1), ID);
  row = await rowOf({}, manifest);
});
afterAll(() => folder.remove());

const look = (path: string, frames: RgbFrame[], options: { marks?: string[]; audio?: Float32Array | null } = {}) =>
  verify(path, {
    anchors: identity.anchors,
    marks: options.marks ?? [row],
    detection: { keys: [KEY], decoder: decoderOf(frames, options.audio ?? null), cpuBudgetMs: 1 },
  });

describe('a published render', () => {
  it('is trusted: manifest, watermark and registry hold', async () => {
    const report = await look(file, render);
    expect(report).toMatchObject({
      verdict: 'trusted',
      watermark: { state: 'match', id: ID, reasons: [] },
      sha256: createHash('sha256').update(folder.read('render.png')).digest('hex'),
    });
    expect(report.checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'manifest holds',
      'watermark holds',
      'registry holds',
    ]);
    expect(report.sentence).toMatch(
      /^Signed by .* unchanged since\. It names the consent it was made under \(assurance: none\)\.$/,
    );
  });

  it('without keys and registry is trusted by its manifest alone, and says what was not looked at', async () => {
    const report = await verify(file, { anchors: identity.anchors });
    expect(report).toMatchObject({ verdict: 'trusted', watermark: { state: 'not_looked' } });
    expect(report.checks.map(({ outcome }) => outcome)).toEqual(['holds', 'unknown', 'unknown']);
  });

  it('without its manifest is not trusted, but known as one of ours by its watermark', async () => {
    const report = await look(folder.png('stripped.png'), render);
    expect(report).toMatchObject({ verdict: 'not-trusted', c2pa: { state: 'none' }, watermark: { state: 'match' } });
    expect(report.sentence).toContain('made from one of our renders');
  });
});

describe('an absent mark', () => {
  it('never reads as authentic: a stranger’s picture is not trusted, and no word says genuine', async () => {
    const report = await look(folder.png('stranger.png', 9), clip(5));
    expect(report).toMatchObject({ verdict: 'not-trusted', c2pa: { state: 'none' }, watermark: { state: 'none' } });
    expect(JSON.stringify(report)).not.toMatch(/authentic|genuine|real person/i);
    expect(report.sentence).toContain('says nothing about where it comes from');
  });

  it('does not break a trusted file, and is named', async () => {
    const report = await look(file, clip(5));
    expect(report.verdict).toBe('trusted');
    expect(report.checks[1]).toMatchObject({ outcome: 'unknown' });
  });
});

describe('a mark that was copied', () => {
  it('onto other pictures is transplant_suspected, and speaks against even a good signature', async () => {
    for (const path of [file, folder.png('other.png', 4)]) {
      const report = await look(path, marked(clip(5), ID));
      expect(report).toMatchObject({ verdict: 'not-trusted', watermark: { state: 'transplant_suspected', id: ID } });
      expect(report.sentence).toContain('probably copied');
    }
  });

  it('of one render beside the sound of another is transplant_suspected', async () => {
    let seed = 1;
    const noise = Float32Array.from({ length: AUDIO.sampleRate * 6 }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed / 2 ** 32 - 0.5) * 0.5;
    });
    const audio = markAudio(noise, KEY.key, OTHER_ID);
    const report = await look(file, render, { audio });
    expect(report.watermark).toMatchObject({
      state: 'transplant_suspected',
      reasons: ['pictures and sound carry different marks'],
    });
    expect(report.verdict).toBe('not-trusted');
  });
});

describe('a mark that nobody can resolve', () => {
  it('is cannot_tell without a row, and with a row that somebody else signed', async () => {
    const stranger = await newIdentity();
    const forged = await signMarkRow(
      { ...(JSON.parse(Buffer.from(row.split('.')[1]!, 'base64url').toString()) as MarkRow) },
      stranger.signer,
      stranger.chainPem,
    );
    for (const marks of [[], [forged], ['rubbish']]) {
      const report = await look(folder.png('p.png'), render, { marks });
      expect(report.watermark).toMatchObject({
        state: 'cannot_tell',
        id: ID,
        reasons: ['no signed registry row names this mark'],
      });
    }
  });

  it('that is not the one in the manifest speaks against the file', async () => {
    const report = await look(file, marked(clip(1), OTHER_ID), { marks: [] });
    expect(report.verdict).toBe('not-trusted');
    expect(report.sentence).toBe('The watermark in the file is not the one that the manifest names.');
  });
});

describe('a registry row for another manifest', () => {
  it('speaks against a file that claims its mark', async () => {
    const report = await verify(file, { anchors: identity.anchors, marks: [await rowOf({}, Buffer.from('another manifest'))] });
    expect(report.checks[2]).toMatchObject({ name: 'registry', outcome: 'fails' });
    expect(report).toMatchObject({ verdict: 'not-trusted', c2pa: { state: 'trusted' } });
  });
});

describe('a file that cannot be decoded', () => {
  class Refused extends DomainError {
    override readonly problem = { slug: 'media-truncated', status: 422, title: 'x' } as const;
  }
  it.each([
    ['a refusal', new Refused('cut off'), 'media-truncated'],
    ['a fault of ours', new TypeError('oops'), 'could not look: TypeError: oops'],
  ])('is a finding in the report, not a throw: %s', async (_name, error, reason) => {
    const fail = (): never => {
      throw error;
    };
    const decoder: MediaDecoder = { frames: fail, audio: fail };
    const report = await verify(folder.png('q.png'), { anchors: identity.anchors, detection: { keys: [KEY], decoder } });
    expect(report.watermark).toMatchObject({ state: 'cannot_tell', reasons: [reason, reason] });
  });
});
