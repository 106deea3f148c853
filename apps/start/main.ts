import 'reflect-metadata';
import { DomainError, loadConfig } from '#kernel';
import { banner } from './banner.ts';
import { developmentKey } from './development-key.ts';
import { type LogLine, jsonLine, prettyLine } from './log-lines.ts';
import { PlatformSupervisor } from './platform-supervisor.ts';

/** `npm start`: the whole platform on this machine until Ctrl-C. `--json`: every line as one JSON object. */
const json = process.argv.includes('--json');
const say = (name: string, line: LogLine): void => console.log((json ? jsonLine : prettyLine)(name, line));
const news = (name: string, level: string, message: string, more: Record<string, unknown> = {}): void =>
  say(name, { text: message, fields: { level, at: new Date().toISOString(), message, ...more } });

async function main(): Promise<number> {
  const config = loadConfig();
  const supervisor = new PlatformSupervisor(config, { onLine: say, onNews: news });
  let asked = 0;
  const told = new Promise<string>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (++asked > 1) supervisor.killChildren(); // a second Ctrl-C: not as patient
        done(signal);
      });
  });
  const up = supervisor.start();
  const first = await Promise.race([up, told]); // a start that fails has stopped everything and throws here
  if (typeof first !== 'string') {
    const key = await developmentKey(config, first.databaseUrl).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
      return error;
    });
    console.log(json ? jsonLine('start', { text: 'up', fields: upFields() }) : banner(config, first, supervisor.processes, key));
    function upFields(): Record<string, unknown> {
      if (typeof first === 'string') return {};
      return {
        level: 'info', at: new Date().toISOString(), message: 'up', url: first.url, boot_ms: Math.round(first.bootMs),
        processes: supervisor.processes, ...(typeof key === 'string' ? { development_key: key } : { refused: key.problem.slug }),
      }; // prettier-ignore
    }
  }
  news('start', 'info', `stopping (${await told}) …`);
  await up.catch(() => undefined);
  await supervisor.stop();
  news('start', 'info', 'stopped; the next start finds everything again');
  return 0;
}

try {
  process.exit(await main());
} catch (error) {
  if (error instanceof DomainError) console.error(`${error.problem.slug}: ${error.message}`);
  else console.error(error);
  process.exit(1);
}
