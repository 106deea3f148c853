/** What happened in one stage of the road, for the table and for report.json. */
export interface StageReport {
  readonly name: string;
  readonly status: 'ok' | 'refused' | 'failed' | 'skipped';
  readonly ms: number;
  readonly cpuMs: number;
  readonly figures: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Progress on a terminal: one live line per stage with bar, elapsed time and ETA. Elsewhere (a pipe, CI): plain lines, one when a
 * stage starts, one every few seconds while it runs, one when it ends.
 */
export class ProgressDisplay {
  readonly #live: boolean;
  #stage = '';
  #started = 0;
  #lastPlain = 0;
  #fraction: number | undefined;
  #detail = '';
  #ticker: NodeJS.Timeout | undefined;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {
    this.#live = out.isTTY === true;
  }

  start(stage: string): void {
    this.#stage = stage;
    this.#started = performance.now();
    this.#lastPlain = this.#started;
    this.#fraction = undefined;
    this.#detail = '';
    if (this.#live) {
      this.#ticker = setInterval(() => this.#draw(), 200);
      this.#draw();
    } else this.out.write(`… ${stage}\n`);
  }

  /** `fraction` in 0..1; undefined where the end is not known. */
  update(fraction: number | undefined, detail = ''): void {
    this.#fraction = fraction === undefined ? undefined : Math.min(1, Math.max(0, fraction));
    this.#detail = detail;
    const now = performance.now();
    if (!this.#live && now - this.#lastPlain > 5000) {
      this.#lastPlain = now;
      this.out.write(`  ${this.#line()}\n`);
    }
  }

  end(status: StageReport['status'], figure = ''): void {
    clearInterval(this.#ticker);
    const mark = { ok: '✓', refused: '⊘', failed: '✗', skipped: '–' }[status];
    const text = `${mark} ${this.#stage.padEnd(14)} ${seconds(performance.now() - this.#started).padStart(8)}  ${figure}`;
    this.out.write(this.#live ? `\r\x1b[2K${text}\n` : `${text}\n`);
  }

  #draw(): void {
    this.out.write(`\r\x1b[2K  ${this.#line().slice(0, (this.out.columns ?? 80) - 3)}`);
  }

  #line(): string {
    const elapsed = performance.now() - this.#started;
    const known = this.#fraction;
    const bar =
      known === undefined
        ? ''
        : ` [${'█'.repeat(Math.round(known * 24)).padEnd(24, '·')}] ${String(Math.round(known * 100)).padStart(3)} %`;
    const eta = known !== undefined && known > 0.05 && elapsed > 2000 ? `  ETA ${seconds((elapsed * (1 - known)) / known)}` : '';
    return `${this.#stage.padEnd(14)}${bar}  ${seconds(elapsed)}${eta}  ${this.#detail}`.trimEnd();
  }
}

export const seconds = (ms: number): string =>
  ms < 59_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;

/** The closing table: stage, result, time, key figure. */
export function stageTable(stages: readonly StageReport[]): string {
  const figure = (stage: StageReport): string =>
    Object.entries(stage.figures)
      .slice(0, 3)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  const body = stages.map((stage) => [stage.name, stage.status, seconds(stage.ms), figure(stage)]);
  const all = [['stage', 'result', 'time', 'key figure'], ...body];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: string[]): string =>
    `${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padEnd(widths[1]!)}  ${row[2]!.padStart(widths[2]!)}  ${row[3]}`.trimEnd();
  return [line(all[0]!), line(widths.map((w) => '─'.repeat(w)).concat('─'.repeat(20))), ...all.slice(1).map(line)].join('\n');
}
