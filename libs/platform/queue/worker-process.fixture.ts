import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { built } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { queueEntities } from './jobs.entities.ts';
import { Jobs } from './jobs.ts';

/** What the built test-worker.child.js told, line by line. */
export interface Said {
  readonly event: string;
  readonly [more: string]: unknown;
}

export interface ProcessOptions {
  readonly leaseSeconds?: number;
  readonly relay?: boolean;
  readonly idlePollMs?: number;
  readonly redis?: string | undefined;
}

/** A real worker process on a real database, to be killed, paused, starved and lied to. */
export class Process {
  readonly said: Said[] = [];
  readonly child: ChildProcess;
  #heard: () => void = () => undefined;

  constructor(url: string, workerId: string, more: ProcessOptions = {}) {
    const options = { url, workerId, leaseSeconds: 1, relay: false, idlePollMs: 100, ...more };
    const entry = built('libs/platform/queue/test-worker.child.js');
    this.child = spawn(process.execPath, [entry, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(this.child.stdout!).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said);
      this.#heard();
    });
  }

  async until(event: string, count = 1): Promise<Said> {
    for (;;) {
      const found = this.said.filter((said) => said.event === event);
      if (found.length >= count) return found[count - 1]!;
      await new Promise<void>((done) => (this.#heard = done));
    }
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

/** A migrated database with a table that counts effects, and the processes that a test started on it. */
export class WorkerBench {
  #running: Process[] = [];
  private constructor(
    readonly t: TestDatabase,
    readonly jobs: Jobs,
  ) {}

  static async open(): Promise<WorkerBench> {
    const t = await testDatabase([...queueEntities]);
    await t.db.query('CREATE TABLE effects (job_id uuid, worker_id text, epoch int)');
    return new WorkerBench(t, new Jobs(t.db));
  }

  start(workerId: string, more: ProcessOptions = {}): Process {
    const process = new Process(this.t.url, workerId, more);
    this.#running.push(process);
    return process;
  }

  async reset(): Promise<void> {
    await Promise.all(this.#running.map((process) => process.kill()));
    this.#running = [];
    await this.t.db.query('TRUNCATE jobs, effects CASCADE');
  }

  enqueue(payload: Record<string, unknown>): Promise<string> {
    return this.t.db.tx((tx) => this.jobs.enqueue(tx, { tenantId: 'acme', kind: 'count', payload }));
  }

  effects(): Promise<{ job_id: string; worker_id: string; epoch: number }[]> {
    return this.t.db.query('SELECT * FROM effects');
  }

  async ended(ids: string[]): Promise<void> {
    for (;;) {
      const [left] = await this.t.db.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM jobs WHERE id = ANY($1) AND finished_at IS NULL',
        [ids],
      );
      if (left!.n === 0) return;
      await sleep(50);
    }
  }
}
