import { FOOTAGE_BUDGET, type MediaTools, type Sandbox, decodeAudio, decodeFrames, probeMedia } from '#media';
import type { MediaDecoder } from '#provenance';
import { AUDIO } from '#provenance';

/** Pictures and sound for a verifier, decoded in the sandbox: a file that somebody offers for checking is as untrusted as footage. */
export function sandboxedDecoder(tools: MediaTools, sandbox: Sandbox): MediaDecoder {
  const budget = { ...FOOTAGE_BUDGET, minSeconds: 0 };
  return {
    async *frames(path) {
      const probe = await probeMedia(path, tools, sandbox, budget);
      const { width, height } = probe.display;
      const fps = Math.min(25, Math.max(1, probe.timing.frameRate.mean));
      yield* decodeFrames(path, probe, { fps, width, height }, tools, sandbox);
    },
    async audio(path) {
      const probe = await probeMedia(path, tools, sandbox, budget);
      return decodeAudio(path, probe, { sampleRate: AUDIO.sampleRate }, tools, sandbox);
    },
  };
}
