// npm test: installs, builds, checks, runs all tests, then breaks the code on purpose. The last line counts everything.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const long = process.argv.includes('--long');
await setup({ apt: !process.argv.includes('--no-apt'), browser: true });
const { check } = await import('./check.mjs');
const { sabotage } = await import('./sabotage.mjs');

let [passed, failed] = long ? [0, 0] : check();
let skipped = 0;

const report = join(root, 'test-output/vitest.json');
mkdirSync(join(root, 'test-output'), { recursive: true });
rmSync(report, { force: true });
const run = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...(long ? { ASSENT_LONG_TESTS: '1' } : {}) } },
);
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  skipped += result.numPendingTests + (result.numTodoTests ?? 0);
  for (const file of result.testResults) {
    // A file that could not be loaded has no tests to fail: it is a failure of its own.
    if (file.status === 'failed' && file.assertionResults.length === 0) failed++;
    for (const test of file.assertionResults)
      if (test.status === 'pending' || test.status === 'skipped') console.log(`skipped: ${test.fullName}`);
  }
  if (run.status !== 0 && failed === 0) failed++;
} else {
  console.error('vitest wrote no report');
  failed++;
}

if (!long && failed === 0) {
  const [caught, missed] = sabotage({ count: 3 });
  passed += caught;
  failed += missed;
}

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
