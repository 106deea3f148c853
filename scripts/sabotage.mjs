// Breaks one line at a time (test/sabotage/*.json) in a copy of the tree and expects a named test to turn red.
// `node scripts/sabotage.mjs --all` tries every mutation; `npm test` tries three, another three each day.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../..');

export const mutations = () =>
  readdirSync(join(root, 'test/sabotage'))
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(root, 'test/sabotage', name), 'utf8')));

/** Which mutations a run tries: a window that moves by the day, so that all are tried over time. */
function pick(all, count) {
  const start = (Math.floor(Date.now() / 86_400_000) * count) % all.length;
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[(start + i) % all.length]);
}

/** Returns [caught, missed]. */
export function sabotage({ count, only }) {
  const all = mutations();
  const chosen = only ? all.filter((m) => m.name.includes(only)) : pick(all, count ?? all.length);
  let missed = 0;
  for (const mutation of chosen) {
    const outcome = tryMutation(mutation);
    console.log(`${outcome === undefined ? '✓' : '✗'} sabotage: ${mutation.name}${outcome === undefined ? '' : ` — ${outcome}`}`);
    if (outcome !== undefined) missed++;
  }
  return [chosen.length - missed, missed];
}

function tryMutation({ file, find, replace, spec, test }) {
  const source = readFileSync(join(root, file), 'utf8');
  if (source.split(find).length !== 2) return `the line to break occurs ${source.split(find).length - 1} times in ${file}`;
  const copy = mkdtempSync(join(tmpdir(), 'assent-sabotage-'));
  try {
    const parts = [
      'package.json',
      'openapi.json',
      'tsconfig.json',
      'vitest.config.ts',
      'apps',
      'libs',
      'migrations',
      'test',
      'models',
      'assets',
      'docs',
      'scripts',
      'bin',
      'dist',
    ];
    for (const part of parts.filter((name) => existsSync(join(root, name))))
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(
      join(copy, file),
      source.replace(find, () => replace),
    );
    const report = join(copy, 'report.json');
    spawnSync(
      process.execPath,
      [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', spec, '--reporter=json', `--outputFile=${report}`],
      { cwd: copy, encoding: 'utf8', timeout: 300_000 },
    );
    const results = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap((f) => f.assertionResults);
    const named = results.filter((r) => r.title === test || r.fullName === test);
    if (named.length === 0) return `no test is named "${test}"`;
    return named.some((r) => r.status === 'failed') ? undefined : `"${test}" stayed ${named[0].status}`;
  } catch (error) {
    return String(error);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice(7);
  const [, missed] = sabotage({ only });
  process.exitCode = missed === 0 ? 0 : 1;
}
