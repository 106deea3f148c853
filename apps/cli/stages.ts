import { DomainError } from '#kernel';
import { cpuMs } from './machine.ts';
import { type ProgressDisplay, type StageReport } from './progress.ts';

export type Figures = Record<string, string | number | boolean>;

/** Runs the road stage by stage: shows each one, times it, keeps its figures. */
export class Stages {
  readonly reports: StageReport[] = [];

  constructor(
    private readonly display: ProgressDisplay,
    private readonly signal: AbortSignal,
  ) {}

  async run<T>(
    name: string,
    work: (update: (fraction: number | undefined, detail?: string) => void) => Promise<{ value: T; figures: Figures }>,
  ): Promise<T> {
    this.signal.throwIfAborted();
    const started = performance.now();
    const cpu = cpuMs();
    this.display.start(name);
    try {
      const { value, figures } = await work((fraction, detail) => this.display.update(fraction, detail));
      this.#end(name, 'ok', started, cpu, figures);
      return value;
    } catch (error) {
      const slug = error instanceof DomainError ? error.problem.slug : undefined;
      this.#end(
        name,
        slug !== undefined && (error as DomainError).problem.status < 500 ? 'refused' : 'failed',
        started,
        cpu,
        slug === undefined ? {} : { slug },
      );
      throw error;
    }
  }

  /** A stage that ran inside another one, such as the steps of a training job. */
  add(report: StageReport): void {
    this.reports.push(report);
  }

  #end(name: string, status: StageReport['status'], started: number, cpu: number, figures: Figures): void {
    this.reports.push({ name, status, ms: Math.round(performance.now() - started), cpuMs: Math.round(cpuMs() - cpu), figures });
    this.display.end(status, Object.entries(figures).slice(0, 3).map(([key, value]) => `${key} ${value}`).join(', ')); // prettier-ignore
  }
}
