import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { processStart } from './process-identity.ts';
import { FolderInUseError, takeLock } from './process-lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assent-lock-'));
  path = join(folder, 'owner');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('has one owner at a time, and says who', () => {
  const lock = takeLock(path);
  expect(lock.inherited).toBe(false);
  expect(() => takeLock(path)).toThrow(FolderInUseError);
  expect(() => takeLock(path)).toThrow(String(process.pid));
  lock.release();
  takeLock(path).release();
  expect(readdirSync(folder)).toEqual([]);
});

it('is taken over from a dead process, and says that it was', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  writeFileSync(path, `${hostname()}~${child.pid}~${processStart(child.pid!)}`);
  expect(() => takeLock(path)).toThrow(FolderInUseError);
  const gone = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await gone;
  const lock = takeLock(path);
  expect(lock.inherited).toBe(true);
  lock.release();
});

it('does not take a process id that is used again for the old owner', () => {
  writeFileSync(path, `${hostname()}~${process.pid}~1`);
  takeLock(path).release();
});

it('believes another machine as long as it touches its lock', () => {
  writeFileSync(path, 'elsewhere~4711~99');
  expect(() => takeLock(path)).toThrow(/4711 on elsewhere/);
  const old = new Date(Date.now() - 120_000);
  utimesSync(path, old, old);
  takeLock(path).release();
});

it('does not release what somebody else took meanwhile', () => {
  const lock = takeLock(path);
  writeFileSync(path, 'elsewhere~1~1');
  lock.release();
  expect(readFileSync(path, 'utf8')).toBe('elsewhere~1~1');
});
