import { DomainError } from '#kernel';
import type { Lease } from '#queue';
import { etaSeconds, overallProgress } from './training.progress.ts';
import type { TrainingProgress } from './training.schema.ts';

/** Progress is written at most this often; the beginning of a stage always is. */
const EVERY_MS = 1000;

/** What a running training tells: to whoever watches in this process, and through its lease to everybody else. */
export class TrainingNews {
  readonly #begun = performance.now();
  #told = 0;

  constructor(
    private readonly lease: Lease,
    private readonly inProcess: (progress: TrainingProgress) => void,
  ) {}

  /** A stage begins. Fenced: a holder that lost its lease hears of it here. @throws LeaseLostError, JobCancelledError */
  async begin(stage: TrainingProgress['stage']): Promise<void> {
    const progress = { stage, done: 0, total: 1 };
    this.inProcess(progress);
    this.#told = performance.now();
    await this.lease.stage(stage, this.#stored(progress));
  }

  end(stage: TrainingProgress['stage']): void {
    this.inProcess({ stage, done: 1, total: 1 });
  }

  tell(progress: TrainingProgress): void {
    this.inProcess(progress);
    if (performance.now() - this.#told < EVERY_MS) return;
    this.#told = performance.now();
    // A lost lease or a cancellation shows at the next step; progress itself is only news.
    this.lease.progress(this.#stored(progress)).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  }

  #stored(progress: TrainingProgress): Record<string, unknown> {
    const overall = overallProgress(progress);
    return { ...progress, progress: overall, eta_seconds: etaSeconds(overall, (performance.now() - this.#begun) / 1000) };
  }
}
