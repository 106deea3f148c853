import 'reflect-metadata';
import type { Server } from 'node:http';
import { RequestLog } from '#http';
import { loadConfig } from '#kernel';
import { openPlatform } from '../platform.module.ts';
import { createApi } from './create-api.ts';

/** The HTTP process. Several may run behind one address: none keeps anything between requests. */
const log = new RequestLog((line) => console.log(line));
const config = loadConfig();
const platform = await openPlatform(config, (error) => log.fault(error, undefined));
const app = await createApi(platform, config, log);
await app.listen({ host: config.HOST, port: config.PORT });
console.log(JSON.stringify({ level: 'info', at: new Date().toISOString(), message: 'api ready', url: await app.getUrl() }));

/** Longer than any answer but a download, which goes on with its range at the next process. */
const STOP_AFTER_MS = 10_000;
let stopping = false;
const stop = async (): Promise<void> => {
  if (stopping) return;
  stopping = true;
  // Takes no new request, ends event streams and idle connections, waits for the answers that run; then it waits no longer.
  const patience = setTimeout(() => (app.getHttpServer() as Server).closeAllConnections(), STOP_AFTER_MS);
  await app.close();
  clearTimeout(patience);
  await platform.close();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    void stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fault(error, undefined);
        process.exit(1);
      },
    );
  });
