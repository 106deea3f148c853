// What makes a runnable tree out of the sources, the same in the Dockerfile and in CI: packages, the build (which type-checks everything,
// tests too), packages without development tools, and proof that every entry point is there and can be read.
//   node scripts/release.mjs            install, build, prune, prove
//   node scripts/release.mjs --prove    prove only: the tree is built already
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../..');

/** What the processes of an image start, and the files that they read beside dist/. */
export const ENTRIES = ['dist/apps/api/main.js', 'dist/apps/worker/main.js', 'dist/apps/start/main.js', 'dist/apps/cli/main.js'];
const DATA = ['bin/assent.mjs', 'models/models.json', 'assets/head', 'openapi.json', 'package.json'];

function run(what, program, args) {
  const done = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (done.status === 0) return;
  console.error(`${what} failed`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes('--prove')) {
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
    run('npm ci', 'npm', ['ci', ...quiet]);
    run('the build', process.execPath, [join(root, 'scripts/build.mjs')]);
    run('npm prune', 'npm', ['prune', '--omit=dev', ...quiet]);
  }
  const missing = [...ENTRIES, ...DATA].filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) {
    console.error(`not in the tree: ${missing.join(', ')}`);
    process.exit(1);
  }
  for (const entry of ENTRIES) run(`reading ${entry}`, process.execPath, ['--check', join(root, entry)]);
  run('assent help', process.execPath, [join(root, 'bin/assent.mjs'), 'help']);
  console.log('release: every entry point is there');
}
