import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { built, packageRoot } from '#kernel';
import { temporaryHome } from '#testing';

/** As road.spec.ts does it with two given clips, here with both drawn by the demo itself. */
it('npm run demo -- --impostor ends with 3 at the match gate, without a replica, and the refusal is in the log', async () => {
  const place = await temporaryHome();
  const { home } = place;
  const out = join(home, 'out');
  try {
    const run = spawnSync(process.execPath, [built('apps/cli/main.js'), 'demo', '--out', out, '--seconds', '20', '--impostor'], {
      cwd: packageRoot(),
      env: { PATH: process.env['PATH'], ASSENT_HOME: join(home, 'assent') },
      encoding: 'utf8',
    });
    expect(run.status, run.stdout.slice(-2000)).toBe(3);
    expect(run.stdout).toContain('footage-not-subject');
    expect(existsSync(join(out, 'render.mp4'))).toBe(false);
    expect(readFileSync(join(out, 'audit/entries.jsonl'), 'utf8')).toContain('footage-not-subject');
  } finally {
    await place.remove();
  }
}, 900_000);
