import 'reflect-metadata';
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { loadConfig } from '#kernel';
import { JobWorker } from '#queue';
import { Objects } from '#storage';
import { AppModule } from '../app.module.ts';
import { chores, keepUp } from '../chores.ts';
import { jobHandlers } from '../job-handlers.ts';
import { openPlatform } from '../platform.module.ts';

/** A worker process: takes leases until it is told to stop. Several may run; each job has one holder at a time. */
const report = (error: unknown): void =>
  console.error(JSON.stringify({ level: 'error', at: new Date().toISOString(), message: String(error) }));

const config = loadConfig();
const platform = await openPlatform(config, report);
const app = await NestFactory.createApplicationContext(AppModule.on(platform.module), { logger: ['error', 'warn'] });
const objects = app.get(Objects);
const worker = new JobWorker(platform.jobs, jobHandlers(app), platform.wakeUps, {
  workerId: `${hostname()}-${process.pid}`,
  leaseSeconds: config.WORKER_LEASE_SECONDS,
  // What an attempt wrote and nobody published, and the plaintext of workers that were killed: neither waits for somebody's restart.
  async onEnded({ jobId, epoch }) {
    await objects.discardAttempts(jobId, epoch);
    await platform.scratch.sweepDead();
  },
  onFault: report,
});
const stopping = new AbortController();
const kept = keepUp(chores(app), stopping.signal, report);
await worker.start();
console.log(JSON.stringify({ level: 'info', at: new Date().toISOString(), message: 'worker ready' }));

const stop = async (): Promise<void> => {
  stopping.abort();
  await kept;
  await worker.stop(5000); // then the job goes back to the queue for another worker
  await app.close();
  await platform.close();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().then(() => process.exit(0)));
