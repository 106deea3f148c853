import 'reflect-metadata';
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { loadConfig } from '#kernel';
import { SubjectsService } from '#identity';
import { JobWorker } from '#queue';
import { Objects } from '#storage';
import { AppModule } from '../app.module.ts';
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
// What a crash left half-done: erasures first, then sealed bytes that no row names (older than any job could still be writing).
for (const { tenant_id: tenantId, id } of await app.get(SubjectsService).erasing()) {
  await app.get(SubjectsService).finishErasure({ tenantId, actorId: 'worker', roles: ['system'] }, id);
}
await app.get(Objects).sweepOrphans(24 * 3600 * 1000);
await worker.start();
console.log(JSON.stringify({ level: 'info', at: new Date().toISOString(), message: 'worker ready' }));

const stop = async (): Promise<void> => {
  await worker.stop(5000); // then the job goes back to the queue for another worker
  await app.close();
  await platform.close();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().then(() => process.exit(0)));
