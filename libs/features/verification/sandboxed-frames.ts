import { FOOTAGE_BUDGET, type MediaProbe, type MediaTools, type Sandbox, decodeAudio, decodeFrames, probeMedia } from '#media';
import { AUDIO, type MediaDecoder } from '#provenance';

/** Pictures and sound for the search, decoded in the sandbox. Probed once: pictures and sound are of the same file. */
export function sandboxedFrames(tools: MediaTools, sandbox: Sandbox): MediaDecoder {
  const budget = { ...FOOTAGE_BUDGET, minSeconds: 0 };
  let probed: Promise<MediaProbe> | undefined;
  const probe = (path: string): Promise<MediaProbe> => (probed ??= probeMedia(path, tools, sandbox, budget));
  return {
    async *frames(path) {
      const { display, timing } = await probe(path);
      const fps = Math.min(25, Math.max(1, timing.frameRate.mean));
      yield* decodeFrames(path, await probe(path), { fps, width: display.width, height: display.height }, tools, sandbox);
    },
    async audio(path) {
      return decodeAudio(path, await probe(path), { sampleRate: AUDIO.sampleRate }, tools, sandbox);
    },
  };
}
