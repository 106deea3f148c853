import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { built } from '#kernel';
import { Scratch } from './scratch.ts';

let home: string;
let folder: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'assent-scratch-'));
  folder = join(home, 'scratch');
});
afterEach(() => rm(home, { recursive: true, force: true }));

it('gives each job a folder that only we enter, and takes it away whatever happens', async () => {
  const scratch = new Scratch(folder);
  const seen: string[] = [];
  const job = (name: string): Promise<void> =>
    scratch.within(name, async (path) => {
      seen.push(path);
      expect((await stat(path)).mode & 0o777).toBe(0o700);
      await writeFile(join(path, 'face.rgb'), 'plain');
      throw new Error('fit failed');
    });
  await Promise.all([expect(job('a-1')).rejects.toThrow('fit failed'), expect(job('b-1')).rejects.toThrow('fit failed')]);
  expect(new Set(seen).size).toBe(2);
  expect(await readdir(folder)).toEqual([]);
});

it.each(['../../out', '..', '/etc', 'a/b'])('a job named %j stays inside', async (name) => {
  await new Scratch(folder).within(name, async (path) => {
    expect(path.startsWith(`${folder}/`)).toBe(true);
    expect(path.slice(folder.length + 1).split('/')).toHaveLength(2);
  });
});

it('sweeps what a killed process left and leaves the jobs of living ones alone', async () => {
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { writeFileSync } from 'node:fs';
     const { Scratch } = await import(${JSON.stringify(built('libs/platform/storage/scratch.js'))});
     await new Scratch(${JSON.stringify(folder)}).within('job-1', async (path) => {
       writeFileSync(path + '/face.rgb', 'plain');
       console.log('ready');
       await new Promise(() => setInterval(() => {}, 1000));
     });`,
  ]);
  await once(child.stdout, 'data');
  const mine = new Scratch(folder);
  await mine.within('job-2', async (path) => {
    await writeFile(join(path, 'x'), 'plain');
    expect(await new Scratch(folder).sweep()).toBe(1); // this process's own, as a fresh start would
  });
  const plain = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).filter((p) => p.endsWith('face.rgb'));
  expect(await plain()).toHaveLength(1); // the living child's
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await plain()).toHaveLength(1); // a kill -9 cleans nothing up
  await mine.within('job-3', async (path) => {
    expect(await mine.sweepDead()).toBe(1); // in the middle of our own work
    await writeFile(join(path, 'x'), 'still here');
  });
  expect(await readdir(folder)).toEqual([]);
});

it('knows a process id that was used again, folders of other machines and strangers', async () => {
  const old = new Date(Date.now() - 3_600_000);
  await mkdir(join(folder, `${hostname()}~${process.pid}~1`), { recursive: true });
  await mkdir(join(folder, 'job-of-an-older-version'));
  await mkdir(join(folder, 'other-host~12~34'));
  await mkdir(join(folder, 'dead-host~12~34'));
  await utimes(join(folder, 'dead-host~12~34'), old, old);
  expect(await new Scratch(folder).sweep()).toBe(3);
  expect(await readdir(folder)).toEqual(['other-host~12~34']);
});
