import { JobNews, type Lease, type StageProgress, type StageShares } from '#queue';

type Stage = 'drive' | 'render' | 'mark' | 'self_check' | 'publish';
export type RenderProgress = StageProgress<Stage>;

/** Measured on ten seconds at 256 pixels. */
const SHARES: StageShares<Stage> = { drive: 0.03, render: 0.55, mark: 0.1, self_check: 0.31, publish: 0.01 };

/** The news of a render; its own state follows its stage. */
export class RenderNews extends JobNews<Stage> {
  constructor(
    lease: Lease,
    inProcess: (progress: RenderProgress) => void,
    /** Fenced by the lease. */
    private readonly enter: (stage: Stage) => Promise<void>,
  ) {
    super(lease, SHARES, inProcess);
  }

  override async begin(stage: Stage): Promise<void> {
    await super.begin(stage);
    await this.enter(stage);
  }
}
