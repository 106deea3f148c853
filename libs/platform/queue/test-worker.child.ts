import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDb } from '#db';
import { JobWorker } from './job-worker.ts';
import { Jobs } from './jobs.ts';
import type { Lease } from './lease.ts';
import { WakeUps } from './wake-ups.ts';

/**
 * A real second worker process for the tests of this room, to be killed, paused and starved. Its one kind of job counts: each step
 * is checkpointed, the end commits one row of `effects`. What it does is told line by line on stdout.
 *
 *     node test-worker.child.js '{"url": …, "workerId": "a", "leaseSeconds": 2, "relay": true, "idlePollMs": 60000}'
 */
interface Options {
  readonly url: string;
  /** Wake-ups by Redis instead of PostgreSQL. */
  readonly redis?: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
  readonly relay: boolean;
  readonly idlePollMs: number;
}
const options = JSON.parse(process.argv[2]!) as Options;
const say = (event: string, more: object = {}): void => console.log(JSON.stringify({ event, ...more }));
const onFault = (error: unknown): void => say('fault', { name: (error as Error).name, message: (error as Error).message });

async function count(lease: Lease): Promise<void> {
  const { steps, stepMs, deaf } = lease.payload as { steps: number; stepMs: number; deaf?: boolean };
  const from = Number(lease.checkpointed?.['step'] ?? 0);
  say('started', { job: lease.jobId, epoch: lease.epoch, from });
  for (let step = from + 1; step <= steps; step++) {
    // A deaf handler is the worst case: it never looks whether it still holds the lease until it commits.
    await sleep(stepMs, undefined, deaf ? {} : { signal: lease.signal });
    if (!deaf) await lease.checkpoint({ step });
    say('step', { job: lease.jobId, step });
  }
  await lease.complete(async (tx) => {
    await tx.query('INSERT INTO effects (job_id, worker_id, epoch) VALUES ($1, $2, $3)', [
      lease.jobId,
      options.workerId,
      lease.epoch,
    ]);
  });
  say('completed', { job: lease.jobId, epoch: lease.epoch });
}

const db = await openDb({ url: options.url, poolSize: 4 });
const jobs = new Jobs(db);
const wakeUps = new WakeUps(
  options.redis ? { kind: 'redis', url: options.redis } : { kind: 'postgres', url: options.url },
  onFault,
  { relayMs: 50, staleSeconds: 1 },
);
if (options.relay) await wakeUps.relay(jobs);
const worker = new JobWorker(jobs, [{ kind: 'count', run: count }], wakeUps, {
  workerId: options.workerId,
  leaseSeconds: options.leaseSeconds,
  idlePollMs: options.idlePollMs,
  onFault,
});
await worker.start();
say('ready');

process.once('SIGTERM', () => {
  void (async () => {
    await worker.stop(0);
    await wakeUps.close();
    await db.dataSource.destroy();
    say('stopped');
    process.exit(0);
  })();
});
