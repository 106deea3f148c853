import 'reflect-metadata';
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { loadConfig } from '#kernel';
import { JobWorker } from '#queue';
import { AppModule } from '../app.module.ts';
import { chores, keepUp } from '../chores.ts';
import { jobHandlers } from '../job-handlers.ts';
import { openPlatform } from '../platform.module.ts';

/** A worker process: takes leases until it is told to stop. Several may run; each job has one holder at a time. */
const report = (error: unknown): void =>
  console.error(JSON.stringify({ level: 'error', at: new Date().toISOString(), message: String(error) }));

const platform = await openPlatform(loadConfig(), report);
const app = await NestFactory.createApplicationContext(AppModule.on(platform.module), { logger: ['error', 'warn'] });
const worker = new JobWorker(platform.jobs, jobHandlers(app), platform.wakeUps, {
  workerId: `${hostname()}-${process.pid}`,
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
