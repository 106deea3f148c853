import { DECODE_LIMITS } from './media-budget.ts';
import type { MediaProbe } from './media-probe.ts';
import type { MediaTools } from './media-tools.ts';
import { readerFlags } from './probe.ts';
import type { Sandbox } from './sandbox.ts';
import { runTool } from './tool-process.ts';
import { toolRefusal } from './tool-refusal.ts';

export interface DecodeAudio {
  readonly sampleRate: number;
  /** Seconds from the first *picture*: sound that starts earlier is cut, later is padded with silence. */
  readonly start?: number | undefined;
  readonly duration?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The clip's sound as mono samples, −1..1, on the same clock as `decodeFrames`: sample 0 belongs to the picture at `start`.
 * Gaps in the recording are silence; length = duration × sampleRate, rounded.
 * @returns null for a silent clip
 * @throws MediaUnreadableError and its kin; the signal's reason
 */
export async function decodeAudio(
  path: string,
  probe: MediaProbe,
  { sampleRate, start = 0, duration, signal }: DecodeAudio,
  tools: MediaTools,
  sandbox: Sandbox,
): Promise<Float32Array | null> {
  if (!probe.audio) return null;
  const span = Math.max(0, Math.min(duration ?? Infinity, probe.duration - start));
  const samples = new Float32Array(Math.round(span * sampleRate));
  const filters = [
    `asetpts=PTS-(${(probe.timing.origin + start).toFixed(6)})/TB`,
    // Pads or cuts at the front to time 0 and fills gaps: sound and pictures stay together to the end (FT-02).
    `aresample=${sampleRate}:async=1:min_hard_comp=0.02:first_pts=0`,
  ];
  const args = [
    '-v', 'error', '-hide_banner', '-nostdin', '-copyts', '-threads', '1', ...readerFlags(probe), '-i', `file:${path}`,
    '-map', `0:${probe.audio.index}`, '-vn', '-sn', '-dn', '-af', filters.join(','), '-ac', '1', '-f', 'f32le', '-',
  ]; // prettier-ignore
  const bytes = samples.length * 4;
  const result = await runTool(
    sandbox,
    tools.ffmpeg,
    args,
    { readOnly: [path], limits: DECODE_LIMITS },
    { maxBytes: bytes + (1 << 20), timeoutMs: 300_000, signal },
  );
  // More than asked for was read: the tool was stopped on purpose, what is wanted is there.
  if (result.code !== 0 && !result.overflowed) throw toolRefusal(result);
  const got = Math.min(samples.length, result.stdout.length >> 2);
  for (let i = 0; i < got; i++) samples[i] = result.stdout.readFloatLE(i * 4);
  return samples;
}
