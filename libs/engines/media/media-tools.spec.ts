import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { findMediaTools } from './media-tools.ts';
import { MediaToolsMissingError } from './media.errors.ts';

const dir = mkdtempSync(join(tmpdir(), 'assent-tools-'));
const path = process.env['PATH'];
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
  process.env['PATH'] = path;
});

describe('findMediaTools', () => {
  it('uses a configured ffmpeg and the ffprobe beside it', async () => {
    const found = await findMediaTools();
    symlinkSync(found.ffmpeg, join(dir, 'ffmpeg'));
    symlinkSync(found.ffprobe, join(dir, 'ffprobe'));
    expect(await findMediaTools({ ffmpegPath: join(dir, 'ffmpeg') })).toMatchObject({
      source: 'configured',
      ffprobe: join(dir, 'ffprobe'),
    });
  });

  it('refuses a configured ffmpeg that does not work instead of taking another', async () => {
    const broken = join(dir, 'broken');
    writeFileSync(broken, '#!/bin/sh\nexit 3\n');
    for (const mode of [0o644, 0o755]) {
      chmodSync(broken, mode);
      await expect(findMediaTools({ ffmpegPath: broken })).rejects.toBeInstanceOf(MediaToolsMissingError);
    }
    await expect(findMediaTools({ ffmpegPath: 'relative/ffmpeg' })).rejects.toBeInstanceOf(MediaToolsMissingError);
  });

  it('falls back to the npm snapshots on a bare machine, with a warning, executable bit or not', async ({ skip }) => {
    process.env['PATH'] = '/nonexistent';
    const found = await findMediaTools().catch((error: unknown) => String(error));
    if (typeof found === 'string') return skip(found);
    expect(['npm-2018', 'ffmpeg-static']).toContain(found.source);
    if (found.source === 'npm-2018') expect(found.warning).toMatch(/2018/);
    // Put the bit back as `npm ci` without install scripts leaves it, and find it again.
    chmodSync(found.ffprobe, 0o644);
    expect((await findMediaTools()).source).toBe(found.source);
  });

  it('says what was tried when nothing is there', async () => {
    process.env['PATH'] = '/nonexistent';
    await expect(findMediaTools({ sources: ['system'] })).rejects.toMatchObject({
      problem: { slug: 'media-tools-missing', status: 503 },
      members: { tried: ['system: not there'] },
    });
  });

  it('reads what the binary can do', async () => {
    const found = await findMediaTools();
    expect(found.encoders).toContain('libx264');
    expect(found.decoders).toContain('h264');
    expect(found.major).toBeGreaterThanOrEqual(4);
  });
});
