import 'reflect-metadata';
import { UsageError, DEMO_USAGE, parseDemoOptions } from './demo-options.ts';
import { DomainError, killIsolatedChildren, loadConfig } from '#kernel';
import { ProgressDisplay, seconds, stageTable } from './progress.ts';

const USAGE = `assent COMMAND
  demo [options]                                    walk the whole road once (see: assent demo --help)
  verify FILE… [--json] [--trust-anchors PEM] [--marks JSON]
                                                    exit 0 trusted, 1 not, 2 unreadable
  watermark detect FILE [--json]                    look for this deployment's mark in a file
  audit export --since N --out DIR | audit verify DIR [--key FILE]
  keys issue --tenant T --role R                    a key for the API, shown once
  doctor                                            what this machine has, and what is missing
  migrate                                           bring the database schema up to date
  synthetic --out DIR [--seed N] [--seconds S]      two clips of a person who does not exist, to try the API with
  bench NAME [--json] [--video FILE] [--clips DIR]  measure an engine`;

/** Exit codes are part of the contract: 0 done, 1 failed or not trusted, 2 usage or unreadable, 3 refused by the gate. */
async function main(argv: string[]): Promise<number> {
  const [command, ...args] = argv;
  switch (command) {
    case 'demo':
      return demo(args);
    case 'verify':
      return (await import('./verify-command.ts')).verifyCommand(args);
    case 'watermark':
      return (await import('./watermark-command.ts')).watermarkCommand(args);
    case 'audit':
      return (await import('./audit-command.ts')).auditCommand(args);
    case 'keys':
      return (await import('./keys-command.ts')).keysCommand(args);
    case 'doctor':
      return (await import('./doctor-command.ts')).doctorCommand();
    case 'migrate':
      return (await import('./migrate-command.ts')).migrateCommand();
    case 'synthetic':
      return (await import('./synthetic-command.ts')).syntheticCommand(args);
    case 'bench':
      return (await import('./bench-command.ts')).benchCommand(args);
    case undefined:
    case 'help':
    case '--help':
      console.log(USAGE);
      return command === undefined ? 2 : 0;
    default:
      throw new UsageError(`There is no command "${command}".\n${USAGE}`);
  }
}

async function demo(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(DEMO_USAGE);
    return 0;
  }
  const options = parseDemoOptions(args);
  const { openPlatform } = await import('../platform.module.ts');
  const { Demo } = await import('./demo.ts');
  const display = new ProgressDisplay();
  const started = performance.now();
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('stopped by a signal'));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  display.start('start');
  const platform = await openPlatform(loadConfig(), () => undefined);
  display.end(
    'ok',
    `PostgreSQL ${platform.databaseVersion}, ffmpeg ${platform.media.tools.version}, sandbox ${platform.media.sandbox.tier}`,
  );
  for (const warning of [platform.media.tools.warning, platform.media.sandbox.warning])
    if (warning !== undefined) console.warn(`! ${warning}`);
  const demo = new Demo(options, platform, display, stop.signal);
  const aborted = new Promise<never>((_, fail) =>
    stop.signal.addEventListener('abort', () => fail(stop.signal.reason as Error), { once: true }),
  );
  try {
    const outcome = await Promise.race([demo.run(), aborted]);
    console.log(`\n${stageTable(outcome.stages.reports)}\n`);
    if (outcome.problem !== undefined)
      console.log(outcome.exitCode === 3 ? `Refused by the gate: ${outcome.problem}` : `Failed: ${outcome.problem}`);
    console.log(
      `${outcome.exitCode === 0 ? 'Done' : 'Ended'} in ${seconds(performance.now() - started)}. Results: ${options.out}`,
    );
    await platform.close();
    return outcome.exitCode;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    // Told to stop: end the work first, so that nobody writes into the scratch folder that close() empties.
    killIsolatedChildren();
    await demo.stopWork();
    console.log('\nStopped. Run the demo again to start over.');
    await demo.forgetPerson().catch((late: unknown) => console.error(`the person’s key could not be destroyed: ${String(late)}`));
    await platform.close().catch((late: unknown) => console.error(`while stopping: ${String(late)}`));
    return 130;
  }
}

/** While we stop, work in flight loses its connections: that is expected and no news. */
process.on('unhandledRejection', (error) => {
  console.error(error);
  process.exit(1);
});

try {
  // process.exit, not exitCode: idle pools and worker threads would keep the process for seconds.
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(error.message);
    process.exit(2);
  }
  if (error instanceof DomainError) console.error(`${error.problem.slug}: ${error.message}`);
  else console.error(error);
  process.exit(1);
}
