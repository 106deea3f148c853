import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { appendSome, identityOf, testSigner } from './audit.fixture.ts';
import { HeadFile } from './head-file.ts';
import { Sequencer } from './sequencer.ts';
import { writeTileFiles } from './tile-files.ts';

/** Go's checksum-database code, which verifies the log of all Go modules, over a log that we wrote. */
const place = mkdtempSync(join(tmpdir(), 'assent-go-'));
const judgeProgram = join(place, 'judge');
const why = buildJudge();
if (why !== undefined) console.log(`Go's verifier is not asked: ${why}`);

function buildJudge(): string | undefined {
  mkdirSync(join(place, 'src'));
  copyFileSync(shipped('libs/platform/audit/judge.go.txt'), join(place, 'src/main.go'));
  const go = (...args: string[]) => spawnSync('go', args, { cwd: join(place, 'src'), encoding: 'utf8' });
  for (const args of [['mod', 'init', 'judge'], ['get', 'golang.org/x/mod@v0.29.0'], ['build', '-o', judgeProgram, '.']]) {
    const done = go(...args);
    if (done.error) return 'there is no go here';
    if (done.status !== 0) return `go ${args[0]} failed: ${done.stderr.trim().split('\n').at(-1)}`;
  } // prettier-ignore
  return undefined;
}

describe.skipIf(why !== undefined)("Go's x/mod/sumdb", () => {
  const signer = testSigner();
  const folder = join(place, 'log');
  let t: TestDatabase;
  beforeAll(async () => {
    t = await testDatabase();
    const sequencer = new Sequencer(t.db, signer, new HeadFile(join(place, 'head')));
    for (const count of [1, 255, 44, 5000, 30_000, 31_000]) {
      await appendSome(t.db, count, 1000);
      await sequencer.drain();
    }
    await sequencer.stop();
    await writeTileFiles(t.db, identityOf(signer), folder);
    mkdirSync(join(folder, 'old'));
    const notes = await t.db.query<{ size: string; note: string }>(
      'SELECT size, note FROM log_checkpoints WHERE size < 66300 ORDER BY size',
    );
    for (const { size, note } of notes) writeFileSync(join(folder, 'old', size), note);
  }, 300_000);
  afterAll(async () => {
    await t.close();
    rmSync(place, { recursive: true, force: true });
  });
  const judge = (): string => spawnSync(judgeProgram, [folder], { encoding: 'utf8' }).stdout.trim();

  it('opens the checkpoint, finds the root from the entries, proves 500 of them and every older checkpoint', () => {
    expect(judge()).toMatch(/^ALL OK size 66300 old \d\d/);
  });

  it.each(['tile/0/003', 'tile/1/000', 'tile/entries/007', 'checkpoint', 'old/1'])('refuses a flipped bit in %s', (name) => {
    const path = join(folder, name);
    const right = readFileSync(path);
    const wrong = Buffer.from(right);
    wrong[Math.floor(wrong.length / 2)]! ^= 1;
    writeFileSync(path, wrong);
    expect(judge()).toMatch(/^FAIL/);
    writeFileSync(path, right);
  });
});
