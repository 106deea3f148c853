import { DomainError } from '#kernel';
import type { Lease } from './lease.ts';

/** Progress is written at most this often; the beginning of a stage always is. */
const EVERY_MS = 1000;

/** Where a job stands, in the words of its feature. */
export interface StageProgress<Stage extends string> {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
}

/** Share of the whole time that each stage takes, in order. For the bar and the estimate only; nothing is decided by it. */
export type StageShares<Stage extends string> = Readonly<Record<Stage, number>>;

/** How much of the whole is done, 0 to 1. Never 1 before the job has its effect. */
export function overallProgress<Stage extends string>(
  shares: StageShares<Stage>,
  { stage, done, total }: StageProgress<Stage>,
): number {
  const stages = Object.keys(shares) as Stage[];
  const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, name) => sum + shares[name], 0);
  const within = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  return Math.min(0.99, Math.round((before + shares[stage] * within) * 1000) / 1000);
}

/** Seconds that are probably left; null while too little is done to tell. */
export function etaSeconds(progress: number, elapsedSeconds: number): number | null {
  return progress < 0.03 ? null : Math.round((elapsedSeconds * (1 - progress)) / progress);
}

/** What a running job tells: to whoever watches in this process, and through its lease to everybody else. */
export class JobNews<Stage extends string, P extends StageProgress<Stage> = StageProgress<Stage>> {
  readonly #begun = performance.now();
  #told = 0;
  #fault: Error | undefined;

  constructor(
    private readonly lease: Lease,
    private readonly shares: StageShares<Stage>,
    private readonly inProcess: (progress: P | StageProgress<Stage>) => void,
  ) {}

  /** A stage begins. Fenced: a holder that lost its lease hears of it here. @throws LeaseLostError, JobCancelledError */
  async begin(stage: Stage): Promise<void> {
    if (this.#fault) throw this.#fault; // a database that could not take the news of the stage before
    const progress = { stage, done: 0, total: 1 };
    this.inProcess(progress);
    this.#told = performance.now();
    await this.lease.stage(stage, this.#stored(progress));
  }

  /** Only for who watches in this process: the next stage, or the job's own end, says the rest. */
  end(stage: Stage): void {
    this.inProcess({ stage, done: 1, total: 1 });
  }

  /** Called from the middle of the work, so it neither waits nor throws: a fault shows at the next stage. */
  tell(progress: P): void {
    this.inProcess(progress);
    if (performance.now() - this.#told < EVERY_MS) return;
    this.#told = performance.now();
    this.lease.progress(this.#stored(progress)).catch((error: Error) => {
      // A lost lease or a cancellation has fired the lease's signal already.
      if (!(error instanceof DomainError)) this.#fault = error;
    });
  }

  #stored(progress: StageProgress<Stage>): Record<string, unknown> {
    const overall = overallProgress(this.shares, progress);
    return { ...progress, progress: overall, eta_seconds: etaSeconds(overall, (performance.now() - this.#begun) / 1000) };
  }
}
