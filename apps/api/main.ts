import 'reflect-metadata';
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

let stopping = false;
const stop = async (): Promise<void> => {
  if (stopping) return;
  stopping = true;
  await app.close(); // takes no new request, ends the idle connections, waits for the others
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
