import { mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeFrames } from './decode-frames.ts';
import { FOOTAGE_BUDGET, type MediaBudget } from './media-budget.ts';
import { type MediaTools, findMediaTools } from './media-tools.ts';
import { probeMedia } from './probe.ts';
import { type Sandbox, chooseSandbox } from './sandbox.ts';
import { ClipFolder, leftovers } from './clips.fixture.ts';

let tools: MediaTools;
let sandbox: Sandbox;
let clips: ClipFolder;
let good: string;

beforeAll(async () => {
  tools = await findMediaTools();
  sandbox = chooseSandbox();
  clips = new ClipFolder(tools);
  good = clips.testClip('T.mp4', 2);
  clips.make('-i T.mp4 -c copy -movflags +faststart fast.mp4');
});
afterAll(() => clips.remove());
// Whatever was refused: no process, no temporary file of ours, and the next good request works.
afterEach(async () => {
  expect(leftovers(clips.path)).toEqual([]);
  expect(readdirSync(tmpdir()).filter((name) => /^assent-(media|probe|frames)/.test(name))).toEqual([]);
  await expect(probeMedia(good, tools, sandbox)).resolves.toMatchObject({ display: { width: 640, height: 360 } });
});

const write = (name: string, bytes: Buffer | string): string => {
  writeFileSync(clips.at(name), bytes);
  return clips.at(name);
};
/** The first `share` of a file. */
const cut = (name: string, share: number): string => {
  const bytes = readFileSync(clips.at(name));
  return write(`cut-${name}`, bytes.subarray(0, Math.floor(bytes.length * share)));
};
const refused = async (path: string, slug: string, budget: MediaBudget = FOOTAGE_BUDGET): Promise<void> => {
  const before = readdirSync(clips.path).toSorted();
  await expect(probeMedia(path, tools, sandbox, budget)).rejects.toMatchObject({ problem: { slug } });
  expect(readdirSync(clips.path).toSorted()).toEqual(before);
};

describe('FT-08 broken and mislabelled files', () => {
  it('an empty file', () => refused(write('zero.mp4', ''), 'media-empty'));

  it('the first 70 % of a file with its index at the end', () => refused(cut('T.mp4', 0.7), 'media-truncated'));

  it('cut-off files of every other kind', async () => {
    clips.make('-i T.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof frag.mp4');
    clips.make('-i T.mp4 -vf scale=160:90 -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus webm.webm');
    clips.make('-i T.mp4 -c copy mkv.mkv');
    for (const name of ['fast.mp4', 'frag.mp4', 'webm.webm', 'mkv.mkv']) await refused(cut(name, 0.7), 'media-truncated');
  });

  it('content decides, never the name', async () => {
    for (const [source, name] of [
      ['webm.webm', 'webm.mp4'],
      ['T.mp4', 'mp4.mov'],
      ['T.mp4', 'mp4.jpg'],
      ['T.mp4', 'noname'],
      ['mkv.mkv', 'mkv.webm'],
    ] as const) {
      const found = await probeMedia(write(name, readFileSync(clips.at(source))), tools, sandbox);
      expect(found.timing.frames, name).toBe(50);
    }
  });

  it('hostile names are only names', async () => {
    mkdirSync(clips.at('-i'), { recursive: true });
    for (const name of ['%03d.mp4', "a' ;|$(id).mp4", 'concat:x|y.mp4', '-i/--help', 'नमस्ते.mp4'])
      expect((await probeMedia(write(name, readFileSync(good)), tools, sandbox)).timing.frames, name).toBe(50);
  });

  it('a JPEG named .mp4, and text', async () => {
    clips.make('-f lavfi -i testsrc2 -frames:v 1 j.jpg');
    await refused(write('jpeg.mp4', readFileSync(clips.at('j.jpg'))), 'media-type-unsupported');
    await refused(write('text.mp4', 'just words\n'), 'media-type-unsupported');
  });

  it('an MP4 header in front of noise', async () => {
    const noise = Buffer.alloc(50_000, 0xa7);
    await refused(write('noise.mp4', Buffer.concat([readFileSync(good).subarray(0, 32), noise])), 'media-truncated');
    const ebml = readFileSync(clips.at('webm.webm')).subarray(0, 40);
    await refused(write('noise.webm', Buffer.concat([ebml, noise])), 'media-unreadable');
  });
});

describe('hostile media', () => {
  it('playlists and manifests named .mp4', async () => {
    await refused(write('hls.mp4', '#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n'), 'media-type-unsupported');
    await refused(write('concat.mp4', `ffconcat version 1.0\nfile '${good}'\n`), 'media-type-unsupported');
  });

  it('a small file of huge pictures', async () => {
    const bomb = clips.make(
      '-f lavfi -i color=gray:s=8192x8192:r=1:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p bomb.mp4',
    );
    await refused(bomb, 'media-over-budget');
  });

  it('a thousand pictures a second, and a file of a million bytes too many', async () => {
    await refused(
      clips.make('-f lavfi -i testsrc2=s=64x64:r=1000:d=2 -c:v libx264 -preset ultrafast k.mp4'),
      'media-over-budget',
    );
    await refused(good, 'upload-too-large', { ...FOOTAGE_BUDGET, maxBytes: 1000 });
  });

  it('a sparse file of the largest size allowed costs nothing', async () => {
    const path = write('sparse.mp4', readFileSync(good).subarray(0, 32));
    truncateSync(path, 2 ** 30);
    await refused(path, 'media-truncated');
  });

  it('two pictures four days apart', async () => {
    clips.make('-f lavfi -i testsrc2=s=64x64:r=1:d=2 -vf setpts=N*360000/TB -c:v libvpx -vsync vfr gap.webm');
    await refused(clips.at('gap.webm'), 'media-too-long');
  });

  it('sound only, a foreign codec, too short, too long, too many streams', async () => {
    await refused(clips.make('-i T.mp4 -vn -c copy sound.mp4'), 'media-no-video');
    await refused(clips.make('-i T.mp4 -c:v mpeg4 -c:a copy mpeg4.mp4'), 'media-type-unsupported');
    await refused(good, 'media-too-short', { ...FOOTAGE_BUDGET, minSeconds: 30 });
    await refused(good, 'media-too-long', { ...FOOTAGE_BUDGET, maxSeconds: 1 });
    await refused(good, 'media-over-budget', { ...FOOTAGE_BUDGET, maxStreams: 1 });
  });

  it('a refusal names its limit', async () => {
    await expect(probeMedia(good, tools, sandbox, { ...FOOTAGE_BUDGET, maxPixels: 1000 })).rejects.toMatchObject({
      members: { limit: 'pixels' },
    });
    await expect(probeMedia(good, tools, sandbox, { ...FOOTAGE_BUDGET, maxSeconds: 1 })).rejects.toMatchObject({
      members: { limit: 'seconds', allowed: 1, found: 2 },
    });
  });
});

describe('a file is complete when its frames decode', () => {
  const count = async (path: string): Promise<number> => {
    const found = await probeMedia(path, tools, sandbox);
    let made = 0;
    for await (const frame of decodeFrames(path, found, { fps: 25, width: 64, height: 36 }, tools, sandbox))
      made += frame.data.length > 0 ? 1 : 0;
    return made;
  };

  it('refuses pictures that are damaged throughout, keeps a clip with one flipped bit', async () => {
    const bytes = readFileSync(good);
    const one = Buffer.from(bytes);
    one[100_000]! ^= 0x10;
    expect(await count(write('one.mp4', one))).toBe(50);
    const many = Buffer.from(bytes);
    for (let at = 20_000; at < bytes.length * 0.8; at += 2003) many[at]! ^= 0x55;
    await expect(count(write('many.mp4', many))).rejects.toMatchObject({ problem: { slug: 'media-unreadable' } });
  });

  it('refuses a file that lost its end after it was probed', async () => {
    const found = await probeMedia(clips.at('fast.mp4'), tools, sandbox);
    const short = cut('fast.mp4', 0.6);
    const read = async (): Promise<void> => {
      for await (const _ of decodeFrames(short, found, { fps: 25, width: 64, height: 36 }, tools, sandbox)) void _;
    };
    await expect(read()).rejects.toMatchObject({ problem: { slug: 'media-truncated' } });
  });

  it('accepts a last box that claims too much when all frames are there', async () => {
    const bytes = Buffer.concat([readFileSync(clips.at('fast.mp4')), Buffer.from([0, 0, 0x10, 0, 0x66, 0x72, 0x65, 0x65])]);
    expect(await count(write('tail.mp4', bytes))).toBe(50);
  });
});
