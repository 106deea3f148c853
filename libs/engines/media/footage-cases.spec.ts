import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbFrame } from '#kernel';
import { decodeAudio } from './decode-audio.ts';
import { type DecodeFrames, decodeFrames } from './decode-frames.ts';
import { FOOTAGE_BUDGET, type MediaBudget } from './media-budget.ts';
import type { MediaProbe } from './media-probe.ts';
import { type MediaTools, findMediaTools } from './media-tools.ts';
import { probeMedia } from './probe.ts';
import { type Sandbox, chooseSandbox } from './sandbox.ts';
import { ClipFolder } from './clips.fixture.ts';

let tools: MediaTools;
let sandbox: Sandbox;
let clips: ClipFolder;
let twin: string;
let twinProbe: MediaProbe;
let twinFrames: RgbFrame[];

beforeAll(async () => {
  tools = await findMediaTools();
  sandbox = chooseSandbox();
  clips = new ClipFolder(tools);
  twin = clips.testClip('S.mp4', 2);
  twinProbe = await probe(twin);
  twinFrames = await frames(twin, twinProbe);
});
afterAll(() => clips.remove());

const probe = (path: string, budget: MediaBudget = FOOTAGE_BUDGET): Promise<MediaProbe> =>
  probeMedia(path, tools, sandbox, budget);

async function frames(path: string, found: MediaProbe, options: Partial<DecodeFrames> = {}): Promise<RgbFrame[]> {
  const all: RgbFrame[] = [];
  const wanted = { fps: 25, width: 160, height: 90, ...options };
  for await (const frame of decodeFrames(path, found, wanted, tools, sandbox)) all.push(frame);
  return all;
}

/** Mean absolute difference of two pictures, grey levels. */
function difference(a: RgbFrame, b: RgbFrame): number {
  expect(a.data.length).toBe(b.data.length);
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / a.data.length;
}

/** Rec. 709 luma, mean over a picture, 0..255. */
function luma({ data }: RgbFrame): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += 0.2126 * data[i]! + 0.7152 * data[i + 1]! + 0.0722 * data[i + 2]!;
  return (sum * 3) / data.length;
}

/** "Accepted" of cases.md: same count, duration and pictures as the twin. */
async function expectLikeTwin(path: string, tolerance = 6): Promise<MediaProbe> {
  const b = await probe(path);
  const a = twinProbe;
  expect(b.display).toEqual(a.display);
  expect(Math.abs(b.duration - a.duration)).toBeLessThanOrEqual(0.05);
  const [left, right] = [twinFrames, await frames(path, b)];
  expect(Math.abs(left.length - right.length)).toBeLessThanOrEqual(1);
  for (const i of [0, 20, 45]) expect(difference(left[i]!, right[i]!), `frame ${i}`).toBeLessThan(tolerance);
  return b;
}

describe('FT-01 rotation tag, non-square pixels', () => {
  /** Pixels turned, and a tag that turns them back. ffmpeg ≥ 6 writes the tag by another option. */
  const tagged = (name: string, filter: string, degrees: number): string => {
    clips.make(`-i S.mp4 -vf ${filter} -c:v libx264 -preset ultrafast -c:a copy turned.mp4`);
    return tools.major >= 6
      ? clips.make(`-display_rotation:v:0 ${(360 - degrees) % 360} -i turned.mp4 -c copy ${name}`)
      : clips.make(`-i turned.mp4 -c copy -metadata:s:v:0 rotate=${degrees} ${name}`);
  };

  it.each([
    ['rot90.mp4', 'transpose=clock', 90, 'counter-clockwise'],
    ['rot180.mp4', 'hflip,vflip', 180, 'half-turn'],
    ['rot270.mp4', 'transpose=cclock', 270, 'clockwise'],
  ] as const)('shows %s upright at 640x360', async (name, filter, degrees, orientation) => {
    // The recipe of cases.md as it stands: transpose=1 is clockwise, and ffmpeg 5 writes rotate=90 as a counter-clockwise matrix.
    const found = await expectLikeTwin(tagged(name, filter, degrees));
    expect(found.video.orientation).toBe(orientation);
  });

  it('stretches 480x360 at 4:3 to 640x360, turned or not', async () => {
    await expectLikeTwin(clips.make('-i S.mp4 -vf scale=480:360,setsar=4/3 -c:v libx264 -preset ultrafast -c:a copy sar.mp4'));
  });

  it('cuts crops in display pixels of the turned, stretched picture', async () => {
    const path = clips.at('sar.mp4');
    const crop = { x: 200, y: 40, width: 200, height: 200 };
    const size = { width: 100, height: 100 };
    const [a] = await frames(twin, await probe(twin), { crop, ...size, duration: 0.1 });
    for (const other of [path, clips.at('rot90.mp4'), clips.at('rot270.mp4')]) {
      const [b] = await frames(other, await probe(other), { crop, ...size, duration: 0.1 });
      expect(difference(a!, b!), other).toBeLessThan(9);
    }
  });
});

describe('FT-02 variable frame rate', () => {
  /** White for the first 200 ms of each second, with a tone: what is seen and what is heard belong together. */
  const FLASH =
    "-f lavfi -i color=black:s=320x180:r=25:d=8,drawbox=enable='lt(mod(t,1),0.2)':color=white:t=fill -f lavfi -i aevalsrc=0.5*sin(6283*t)*lt(mod(t\\,1)\\,0.2):s=48000:d=8 -c:v libx264 -preset ultrafast -bf 2 -c:a aac flash.mp4";
  const onsets = (loud: boolean[], rate: number, gap: number): number[] => {
    const found: number[] = [];
    loud.forEach((on, i) => {
      if (on && (found.length === 0 || i / rate - found.at(-1)! > gap)) found.push(i / rate);
    });
    return found;
  };

  it('keeps picture and sound together within 40 ms from start to end, and says so', async () => {
    clips.make(FLASH);
    const vfr = clips.make(
      `-i flash.mp4 -vf select='not(between(mod(n,50),20,44)*mod(n,3))' ${tools.major >= 6 ? '-fps_mode' : '-vsync'} vfr -c:v libx264 -preset ultrafast -c:a copy vfr.mp4`,
    );
    const found = await probe(vfr);
    expect(found.variableFrameRate).toBe(true);
    expect(found.timing.frameRate.mean).toBeGreaterThan(15);
    expect(found.timing.frameRate.mean).toBeLessThan(18);
    expect(found.timing.frameRate.min).toBeLessThan(13);
    expect(found.timing.frameRate.max).toBeCloseTo(25, 0);
    const pictures = await frames(vfr, found);
    expect(Math.abs(pictures.length - 200)).toBeLessThanOrEqual(1);
    const sound = (await decodeAudio(vfr, found, { sampleRate: 16_000 }, tools, sandbox))!;
    const seen = onsets(pictures.map((one) => luma(one) > 128), 25, 0.5); // prettier-ignore
    const heard = onsets(Array.from(sound, (one) => Math.abs(one) > 0.05), 16_000, 0.5); // prettier-ignore
    expect(seen.length).toBe(8);
    expect(heard.length).toBe(8);
    // Every second flash starts on a picture that the recipe dropped or kept; those kept must be in time.
    for (const i of [0, 2, 4, 6]) expect(Math.abs(seen[i]! - heard[i]!), `at ${i} s`).toBeLessThanOrEqual(0.04);
  });

  it('aligns sound that starts before or after the first picture', async () => {
    clips.make(FLASH);
    for (const shift of ['0.5', '-0.5']) {
      const late = clips.make(`-itsoffset ${shift} -i flash.mp4 -i flash.mp4 -map 0:v -map 1:a -c copy late.mkv`);
      const found = await probe(late);
      const pictures = await frames(late, found);
      const sound = (await decodeAudio(late, found, { sampleRate: 16_000 }, tools, sandbox))!;
      const seen = onsets(pictures.map((one) => luma(one) > 128), 25, 0.5)[3]!; // prettier-ignore
      const heard = onsets(Array.from(sound, (one) => Math.abs(one) > 0.05), 16_000, 0.5); // prettier-ignore
      // The sound of the same moment is `shift` earlier in the file than its picture.
      const nearest = Math.min(...heard.map((one) => Math.abs(one - (seen - Number(shift)))));
      expect(nearest, `shift ${shift}`).toBeLessThanOrEqual(0.04);
    }
  });
});

describe('FT-03 phone HDR', () => {
  const HLG =
    '-vf setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv,zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t=arib-std-b67:m=bt2020nc:r=tv,format=yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc';

  beforeAll(() => {
    if (!tools.hasZscale) return;
    // A face's range of tones, not a test picture of pure primaries.
    clips.make(
      '-f lavfi -i nullsrc=s=320x180:r=25:d=1,format=gbrp,geq=r=58+166*X/W:g=36+140*X/W:b=24+120*X/W,format=yuv420p -c:v libx264 -crf 8 -preset ultrafast tones.mp4',
    );
    clips.make(`-i tones.mp4 ${HLG} hlg.mov`);
  });

  it('converts HLG to SDR of the same brightness', async ({ skip }) => {
    if (!tools.hasZscale) skip('this ffmpeg has no zscale: HDR is refused here');
    const hlg = clips.at('hlg.mov');
    const found = await probe(hlg);
    expect(found.video).toMatchObject({ codec: 'hevc', hdr: 'hlg', color: { transfer: 'arib-std-b67', primaries: 'bt2020' } });
    const [a] = await frames(clips.at('tones.mp4'), await probe(clips.at('tones.mp4')), { duration: 0.2 });
    const [b] = await frames(hlg, found, { duration: 0.2 });
    expect(Math.abs(luma(b!) / luma(a!) - 1)).toBeLessThan(0.15);
  });

  it('is refused by name where the filters are missing, never trained washed out', async ({ skip }) => {
    if (!tools.hasZscale) skip('no HLG clip can be made here');
    const without = { ...tools, hasZscale: false };
    await expect(probeMedia(clips.at('hlg.mov'), without, sandbox)).rejects.toMatchObject({
      problem: { slug: 'media-type-unsupported' },
      members: { feature: 'HDR' },
    });
  });
});

describe('FT-04 streams nobody asked for', () => {
  /** Makes the nth sound track of a mov undecodable, as new iPhones write it. */
  const spoil = (from: string, to: string, nth: number): string => {
    const bytes = readFileSync(clips.at(from));
    let at = -1;
    for (let seen = 0; seen < nth;) {
      at = bytes.indexOf('stsd', at + 1, 'latin1');
      if (bytes.toString('latin1', at + 16, at + 20) === 'mp4a') seen++;
    }
    bytes.write('apac', at + 16, 'latin1');
    bytes.write('dapa', bytes.indexOf('esds', at, 'latin1'), 'latin1');
    writeFileSync(clips.at(to), bytes);
    return clips.at(to);
  };

  it('takes the first sound track that decodes and lists the rest', async () => {
    clips.make(
      '-i S.mp4 -f lavfi -i sine=f=880:d=2 -map 0:v -map 0:a -map 1:a -c:v copy -c:a aac -shortest -timecode 01:00:00:00 e.mov',
    );
    const second = await expectLikeTwin(spoil('e.mov', 'second.mov', 2));
    expect(second.audio?.index).toBe(1);
    expect(second.ignored).toEqual([
      expect.objectContaining({ index: 2, kind: 'audio', reason: 'undecodable' }),
      expect.objectContaining({ index: 3, reason: 'data' }),
    ]);
    const first = await probe(spoil('e.mov', 'first.mov', 1));
    expect(first.audio?.index).toBe(2);
    expect(await decodeAudio(clips.at('first.mov'), first, { sampleRate: 16_000 }, tools, sandbox)).toHaveLength(32_000);
  });

  it('is not stopped by subtitles, AC-3 and a second picture track', async () => {
    writeFileSync(clips.at('t.srt'), '1\n00:00:00,000 --> 00:00:01,000\nhello\n');
    const path = clips.make(
      '-i S.mp4 -i t.srt -f lavfi -i sine=d=2 -f lavfi -i color=s=64x64:d=2:r=25 -map 0:v -map 0:a -map 1 -map 2 -map 3 -c:v:0 copy -c:v:1 libx264 -c:a:0 copy -c:a:1 ac3 -c:s srt more.mkv',
    );
    const found = await expectLikeTwin(path);
    expect(found.ignored.map((one) => one.reason)).toEqual(['subtitle', 'undecodable', 'other-video']);
  });
});

describe('FT-05 cover pictures', () => {
  it('ignores the picture beside a clip and refuses a song with one', async () => {
    clips.make('-f lavfi -i color=red:s=64x64 -frames:v 1 c.png');
    const found = await expectLikeTwin(
      clips.make('-i S.mp4 -i c.png -map 0 -map 1 -c copy -disposition:v:1 attached_pic cover.mp4'),
    );
    expect(found.ignored).toEqual([expect.objectContaining({ index: 2, reason: 'cover-picture' })]);
    const song = clips.make('-i S.mp4 -i c.png -map 0:a -map 1 -c copy -disposition:v:0 attached_pic song.m4a');
    await expect(probe(song)).rejects.toMatchObject({ problem: { slug: 'media-no-video' } });
  });
});

describe('FT-06 no duration, fragments', () => {
  it('measures a live WebM and a fragmented MP4 by their packets', async () => {
    const live = clips.make('-i S.mp4 -c:v libvpx -deadline realtime -cpu-used 8 -b:v 4M -c:a libopus -f webm -live 1 live.webm');
    await expectLikeTwin(live, 12);
    await expectLikeTwin(clips.make('-i S.mp4 -c copy -movflags frag_keyframe+empty_moov+default_base_moof frag.mp4'));
  });
});

describe('FT-07 odd sizes', () => {
  it('gives every picture even sides', async () => {
    const odd = clips.make(
      '-i S.mp4 -vf scale=577:325,setsar=1 -t 1 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus odd.webm',
    );
    const found = await probe(odd);
    expect(found.display).toEqual({ width: 577, height: 325 });
    const all = await frames(odd, found, { width: 577, height: 325 });
    expect([all[0]!.width % 2, all[0]!.height % 2]).toEqual([0, 0]);
    expect(all[0]!.data.length).toBe(all[0]!.width * all[0]!.height * 3);
    expect(Math.abs(all.length - 25)).toBeLessThanOrEqual(1);
  });
});

describe('FT-09 slow motion', () => {
  it.each([120, 240])('works at the working rate from %d fps', async (fps) => {
    const path = clips.make(`-f lavfi -i testsrc2=s=160x90:r=${fps}:d=2 -c:v libx264 -preset ultrafast slow.mp4`);
    const found = await probe(path);
    expect(found.variableFrameRate).toBe(false);
    expect(Math.abs((await frames(path, found)).length - 50)).toBeLessThanOrEqual(1);
    await expect(probe(path, { ...FOOTAGE_BUDGET, maxFps: 100 })).rejects.toMatchObject({
      problem: { slug: 'media-over-budget' },
      members: { limit: 'fps', allowed: 100, found: fps },
    });
    await expect(probe(path, { ...FOOTAGE_BUDGET, maxFrames: 150 })).rejects.toMatchObject({
      members: { limit: 'frames', allowed: 150 },
    });
  });
});
