import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchFigure } from '#kernel';
import { decodeFrames } from './decode-frames.ts';
import { encodeVideo } from './encode-video.ts';
import { FOOTAGE_BUDGET } from './media-budget.ts';
import { findMediaTools } from './media-tools.ts';
import { probeMedia } from './probe.ts';
import { chooseSandbox } from './sandbox.ts';

const SIDE = 512;

/** Frames of noise over a moving ramp: neither so flat nor so rough that a codec shows an untypical speed. */
async function* ramp(count: number): AsyncGenerator<Uint8Array> {
  let seed = 1;
  for (let i = 0; i < count; i++) {
    const frame = new Uint8Array(SIDE * SIDE * 3);
    for (let at = 0; at < frame.length; at++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      frame[at] = ((at / 3 + i * 5) & 0xff) * 0.9 + (seed >>> 28);
    }
    yield frame;
  }
}

/**
 * Encode, probe and decode speed in the sandbox found here, by the wall clock: the tools are other processes, so their CPU time is
 * not ours to read. `file` is measured instead of a made-up clip when given.
 */
export async function benchMedia(options: { ffmpegPath?: string; file?: string; seconds?: number } = {}): Promise<BenchFigure[]> {
  const tools = await findMediaTools({ ffmpegPath: options.ffmpegPath });
  const sandbox = chooseSandbox();
  const folder = await mkdtemp(join(tmpdir(), 'assent-bench-'));
  try {
    const count = Math.round((options.seconds ?? 4) * 25);
    const made = join(folder, 'bench.mp4');
    const encode = await timed(() =>
      encodeVideo({ out: made, width: SIDE, height: SIDE, fps: 25, frames: ramp(count) }, tools, sandbox),
    );
    const path = options.file ?? made;
    const probe = await timed(() => probeMedia(path, tools, sandbox, { ...FOOTAGE_BUDGET, minSeconds: 0 }));
    const decode = await timed(async () => {
      let frames = 0;
      const size = { fps: 25, width: SIDE, height: SIDE };
      for await (const frame of decodeFrames(path, probe.value, size, tools, sandbox)) frames += frame.data.length > 0 ? 1 : 0;
      return frames;
    });
    return [
      { name: `media.encode.${SIDE}`, value: count / encode.seconds, unit: 'frames/s' },
      { name: 'media.probe', value: probe.seconds * 1000, unit: 'ms' },
      { name: `media.decode.${SIDE}`, value: decode.value / decode.seconds, unit: 'frames/s' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - start) / 1000 };
}
