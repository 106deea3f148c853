/** What a fit says while it works; CLI, API and console show the same. */
export interface FitProgress {
  readonly stage: 'pose' | 'plates' | 'fit' | 'evaluate';
  readonly done: number;
  readonly total: number;
  /** Of training pictures since the last message, dB over the whole picture. */
  readonly psnr?: number;
}

/** Longest time without a look at the signal and the event loop, ms; well under the 2 s that a cancel may take. */
const SLICE = 100;

/** Passes progress on, lets other work of the process run, and stops when asked. */
export class FitControl {
  private last = 0;

  constructor(
    private readonly onProgress: ((progress: FitProgress) => void) | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws the signal's reason once it is aborted. */
  async tick(progress: FitProgress): Promise<void> {
    const now = performance.now();
    if (now - this.last < SLICE && progress.done < progress.total) return;
    this.last = now;
    this.onProgress?.(progress);
    await new Promise((next) => setImmediate(next));
    this.signal?.throwIfAborted();
  }
}
