import { DomainError } from '#kernel';
import type { Lease } from '#queue';

export interface RenderProgress {
  readonly stage: 'drive' | 'render' | 'mark' | 'self_check' | 'publish';
  readonly done: number;
  readonly total: number;
}

/** Progress is written at most this often; the beginning of a stage always is. */
const EVERY_MS = 1000;
/** Share of the whole time that each stage takes, of a render of ten seconds at 256 pixels. For the bar and the estimate only. */
const SHARES: Readonly<Record<RenderProgress['stage'], number>> = {
  drive: 0.03,
  render: 0.55,
  mark: 0.1,
  self_check: 0.31,
  publish: 0.01,
};
const STAGES = Object.keys(SHARES) as RenderProgress['stage'][];

/** How much of the whole is done, 0 to 1. Never 1 before it is published. */
export function overallRenderProgress({ stage, done, total }: RenderProgress): number {
  const before = STAGES.slice(0, STAGES.indexOf(stage)).reduce((sum, name) => sum + SHARES[name], 0);
  const within = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  return Math.min(0.99, Math.round((before + SHARES[stage] * within) * 1000) / 1000);
}

/** What a running render tells: to whoever watches in this process, and through its lease to everybody else. */
export class RenderNews {
  readonly #begun = performance.now();
  #told = 0;

  constructor(
    private readonly lease: Lease,
    private readonly inProcess: (progress: RenderProgress) => void,
    /** The render's own state follows its stage, fenced. */
    private readonly enter: (stage: RenderProgress['stage']) => Promise<void>,
  ) {}

  /** @throws LeaseLostError, JobCancelledError */
  async begin(stage: RenderProgress['stage']): Promise<void> {
    const progress = { stage, done: 0, total: 1 };
    this.inProcess(progress);
    this.#told = performance.now();
    await this.lease.stage(stage, this.#stored(progress));
    await this.enter(stage);
  }

  /** Only for who watches in this process: the job's own end says the rest. */
  end(stage: RenderProgress['stage']): void {
    this.inProcess({ stage, done: 1, total: 1 });
  }

  tell(stage: RenderProgress['stage'], done: number, total: number): void {
    const progress = { stage, done, total };
    this.inProcess(progress);
    if (performance.now() - this.#told < EVERY_MS) return;
    this.#told = performance.now();
    // A lost lease or a cancellation shows at the next step; progress itself is only news.
    this.lease.progress(this.#stored(progress)).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  }

  #stored(progress: RenderProgress): Record<string, unknown> {
    const overall = overallRenderProgress(progress);
    const elapsed = (performance.now() - this.#begun) / 1000;
    return {
      ...progress,
      progress: overall,
      eta_seconds: overall < 0.04 ? null : Math.round((elapsed * (1 - overall)) / overall),
    };
  }
}
