import { type ChildProcess, spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { DomainError, built } from '#kernel';
import { BackOff } from './back-off.ts';
import { type LogLine, readLines } from './log-lines.ts';

/** A process ended before it was ready: what it said last is the reason. */
export class ProcessNotStartedError extends DomainError {
  override readonly problem = {
    slug: 'process-not-started',
    status: 503,
    title: 'A part of the platform did not start',
  } as const;
}

export interface SupervisedSpec {
  /** How its lines are marked: `api`, `worker-1`. */
  readonly name: string;
  /** Built entry point, below dist/. */
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  /** The line that says that it is up. */
  readonly isReady: (line: LogLine) => boolean;
}

export interface SupervisorEvents {
  onLine(name: string, line: LogLine): void;
  /** Said in our own name: crashes, restarts. */
  onNews(name: string, level: 'info' | 'warn' | 'error', message: string): void;
}

const LAST_LINES = 5;

/** One child process that is kept running until it is told to stop. */
export class SupervisedProcess {
  readonly #backOff = new BackOff();
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #stopping = false;
  #everReady = false;
  #lastWords: string[] = [];

  constructor(
    private readonly spec: SupervisedSpec,
    private readonly events: SupervisorEvents,
  ) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the process is up for the first time. @throws ProcessNotStartedError when it ends before. */
  start(): Promise<void> {
    return new Promise((done, fail) => this.#spawn(done, fail));
  }

  /** Asks it to stop, and insists after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((done) => child.once('exit', () => done()));
    child.kill('SIGTERM');
    const insist = setTimeout(() => {
      this.events.onNews(this.spec.name, 'warn', `does not stop within ${graceMs / 1000} s; killed`);
      this.kill();
    }, graceMs);
    await gone;
    clearTimeout(insist);
  }

  kill(): void {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
  }

  #spawn(onReady: () => void, onNotStarted: (error: Error) => void): void {
    const watch = pathToFileURL(built('apps/start/parent-watch.js')).href;
    const started = performance.now();
    // Its own process group: a Ctrl-C in the terminal reaches us alone, and we stop the children before the database.
    const child = spawn(process.execPath, ['--enable-source-maps', '--import', watch, built(this.spec.entry)], {
      env: this.spec.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    this.#lastWords = [];
    readLines(child, (line) => {
      this.#lastWords = [...this.#lastWords, line.text].slice(-LAST_LINES);
      this.events.onLine(this.spec.name, line);
      if (!this.spec.isReady(line)) return;
      if (this.#everReady)
        this.events.onNews(this.spec.name, 'info', `is up again after ${Math.round(performance.now() - started)} ms`);
      this.#everReady = true;
      onReady();
    });
    child.once('error', (error) => onNotStarted(error));
    // `close`, not `exit`: its last words are read first.
    child.once('close', (code, signal) => {
      if (this.#stopping) return;
      const how = signal ?? `exit ${code}`;
      if (!this.#everReady) {
        const said = this.#lastWords.at(-1) ?? 'it said nothing';
        onNotStarted(new ProcessNotStartedError(`${this.spec.name} ended (${how}) before it was ready: ${said}`));
        return;
      }
      const pause = this.#backOff.next(performance.now() - started);
      this.events.onNews(this.spec.name, 'error', `ended unexpectedly (${how}); starting it again in ${pause / 1000} s`);
      this.#restart = setTimeout(() => this.#spawn(onReady, onNotStarted), pause);
    });
  }
}
