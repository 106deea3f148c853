import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, type ProcessLock, serviceEnvironment, takeLock } from '#kernel';
import { DatabaseProcess } from './database-process.ts';
import { requirePort } from './ports.ts';
import { ProcessNotStartedError, SupervisedProcess, type SupervisorEvents } from './supervised-process.ts';

/** How long a child may take to end its work: a worker gives its job back after 5 s. */
const GRACE_MS = 15_000;
const READY_MS = 60_000;

export interface PlatformUp {
  /** Where the API listens. */
  readonly url: string;
  readonly databaseUrl: string;
  /** PostgreSQL's version when it is ours. */
  readonly embeddedDatabase: string | undefined;
  readonly bootMs: number;
}

/**
 * Runs the whole platform on one machine: database (unless DATABASE_URL names one), API, workers. Started in the order of need,
 * stopped in reverse; in between each part that ends by itself is reported and started again. Nothing is lost by a crash: effects are
 * transactions, jobs are rows with leases, and the database replays its own log.
 */
export class PlatformSupervisor {
  #lock: ProcessLock | undefined;
  #database: DatabaseProcess | undefined;
  #children: { name: string; process: SupervisedProcess }[] = [];
  #stopped: Promise<void> | undefined;

  constructor(
    private readonly config: Config,
    private readonly events: SupervisorEvents,
  ) {}

  /** @throws FolderInUseError, PortUnavailableError, EmbeddedPostgresError, ProcessNotStartedError; nothing keeps running then. */
  async start(): Promise<PlatformUp> {
    const began = performance.now();
    try {
      const { ASSENT_HOME: home, HOST: host } = this.config;
      this.#lock = takeLock(join(home, 'start.lock'));
      const port = await requirePort(host, this.config.PORT);
      if (this.config.DATABASE_URL === undefined)
        this.#database = await DatabaseProcess.start(join(home, 'postgres'), this.events);
      const databaseUrl = this.#database?.url ?? this.config.DATABASE_URL!;
      const env = serviceEnvironment({ DATABASE_URL: databaseUrl, ASSENT_HOME: home, PORT: String(port) });
      const workers = Array.from({ length: this.config.WORKERS }, (_, i) => `worker-${i + 1}`);
      await Promise.all([
        this.#run('api', 'apps/api/main.js', env, 'api ready'),
        ...workers.map((name) => this.#run(name, 'apps/worker/main.js', env, 'worker ready')),
      ]);
      const url = `http://${inUrl(host)}:${port}`;
      await untilReady(url);
      return { url, databaseUrl, embeddedDatabase: this.#database?.version, bootMs: performance.now() - began };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Which process is which, for the state file and for tests. */
  get processes(): { name: string; pid: number | undefined }[] {
    return this.#children.map(({ name, process }) => ({ name, pid: process.pid }));
  }

  /** Children first, then the database they use. Safe to call twice. */
  stop(): Promise<void> {
    return (this.#stopped ??= (async () => {
      await Promise.all(this.#children.map(({ process }) => process.stop(GRACE_MS)));
      await this.#database?.stop();
      this.#lock?.release();
    })());
  }

  /** For who does not want to wait: the children die at once, the database still ends in order. */
  killChildren(): void {
    for (const { process } of this.#children) process.kill();
  }

  #run(name: string, entry: string, env: NodeJS.ProcessEnv, readyMessage: string): Promise<void> {
    const process = new SupervisedProcess(
      { name, entry, env, isReady: (line) => line.fields?.['message'] === readyMessage },
      this.events,
    );
    this.#children.push({ name, process });
    return process.start();
  }
}

/** `::1` → `[::1]`; an address that means "all of them" is no address to connect to. */
export function inUrl(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function untilReady(url: string): Promise<void> {
  const until = performance.now() + READY_MS;
  let last = 'no answer';
  while (performance.now() < until) {
    try {
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) });
      if (answer.ok) return;
      last = `${answer.status} ${(await answer.text()).slice(0, 300)}`;
    } catch (error) {
      last = String(error);
    }
    await sleep(100);
  }
  throw new ProcessNotStartedError(`The API is up but not ready after ${READY_MS / 1000} s: ${last}`);
}
