import { type EmbeddedPostgres, startEmbeddedPostgres } from '#db';
import { BackOff } from './back-off.ts';
import type { SupervisorEvents } from './supervised-process.ts';

/**
 * The embedded PostgreSQL, kept running on the same port: the address that the children got stays true. After a crash PostgreSQL
 * replays its log by itself; what was committed is there.
 */
export class DatabaseProcess {
  readonly #backOff = new BackOff();
  #restart: NodeJS.Timeout | undefined;
  #restarting: Promise<void> | undefined;
  #stopping = false;

  private constructor(
    private readonly folder: string,
    private server: EmbeddedPostgres,
    private readonly events: SupervisorEvents,
  ) {
    this.#watch(performance.now());
  }

  /** @throws EmbeddedPostgresError, FolderInUseError */
  static async start(folder: string, events: SupervisorEvents): Promise<DatabaseProcess> {
    return new DatabaseProcess(folder, await startEmbeddedPostgres(folder), events);
  }

  get url(): string {
    return this.server.url;
  }

  get version(): string {
    return this.server.version;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.#restarting;
    await this.server.stop();
  }

  #watch(started: number): void {
    this.server.onCrash((log) => {
      if (this.#stopping) return;
      const last = log.trim().split('\n').at(-1) ?? '';
      this.#again(performance.now() - started, `ended unexpectedly (${last === '' ? 'killed' : last})`);
    });
  }

  #again(ranMs: number, what: string): void {
    const pause = this.#backOff.next(ranMs);
    this.events.onNews('database', 'error', `${what}; starting it again in ${pause / 1000} s`);
    this.#restart = setTimeout(() => {
      this.#restarting = this.#startAgain();
    }, pause);
  }

  async #startAgain(): Promise<void> {
    const started = performance.now();
    const port = Number(new URL(this.server.url).port);
    try {
      await this.server.stop(); // of the dead one: gives its folder free
      this.server = await startEmbeddedPostgres(this.folder, { port });
      this.#watch(started);
      this.events.onNews('database', 'info', `is up again after ${Math.round(performance.now() - started)} ms`);
    } catch (error) {
      if (!this.#stopping) this.#again(0, `did not start (${(error as Error).message})`);
    }
  }
}
