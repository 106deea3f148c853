// The static checks, each counted like a test: formatting, lint, layers. Types are checked by the build.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../..');
const CHECKS = {
  formatting: ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  lint: ['oxlint/bin/oxlint', '--type-aware', '--deny-warnings', 'apps', 'libs', 'migrations', 'test', 'scripts'],
  layers: [
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'err',
    'apps',
    'libs',
    'migrations',
  ],
};

/** Runs every check and returns [passed, failed]. */
export function check() {
  let failed = 0;
  for (const [name, [program, ...args]] of Object.entries(CHECKS)) {
    const done = spawnSync(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: root, encoding: 'utf8' });
    const ok = done.status === 0;
    console.log(`${ok ? '✓' : '✗'} check: ${name}`);
    if (!ok) {
      failed++;
      console.log((done.stdout + done.stderr).slice(-6000));
    }
  }
  return [Object.keys(CHECKS).length - failed, failed];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = check()[1] === 0 ? 0 : 1;
