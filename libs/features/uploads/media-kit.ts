import type { MediaTools, Sandbox } from '#media';

/** The ffmpeg that was found and the sandbox that it runs in: one per process, chosen at start. */
export class MediaKit {
  constructor(
    readonly tools: MediaTools,
    readonly sandbox: Sandbox,
  ) {}
}
