import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { exportBundle, verifyBundle } from '#audit';
import { loadConfig } from '#kernel';
import { UsageError } from './demo-options.ts';

/** `assent audit export --since N --out DIR` and `assent audit verify DIR [--key FILE]`. */
export async function auditCommand(args: string[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === 'verify') {
    const { values, positionals } = parseArgs({
      args: rest,
      allowPositionals: true,
      options: { key: { type: 'string' }, json: { type: 'boolean' } },
    });
    const [folder] = positionals;
    if (folder === undefined) throw new UsageError('Usage: assent audit verify DIR [--key FILE]');
    const report = await verifyBundle(folder, values.key === undefined ? undefined : readFileSync(values.key, 'utf8'));
    console.log(values.json ? JSON.stringify(report, null, 2) : `${report.ok ? 'ok' : report.tampering}: ${report.detail}`);
    return report.ok ? 0 : report.tampering === 'bundle-unreadable' ? 2 : 1;
  }
  if (action !== 'export') throw new UsageError('Usage: assent audit export --since N --out DIR | assent audit verify DIR');
  const { values } = parseArgs({ args: rest, options: { since: { type: 'string' }, out: { type: 'string' } } });
  if (values.out === undefined) throw new UsageError('assent audit export needs --out DIR.');
  const { openPlatform } = await import('../platform.module.ts');
  const platform = await openPlatform(loadConfig(), (error) => console.error(String(error)));
  try {
    await platform.sequencer.drain();
    const done = await exportBundle(
      platform.db,
      { origin: platform.log.name, verifierKey: platform.log.verifierKey },
      Number(values.since ?? 0),
      values.out,
    );
    console.log(`${done.entries} entries (${done.since} to ${done.until}) in ${values.out}`);
    return 0;
  } finally {
    await platform.close();
  }
}
