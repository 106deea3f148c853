import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bareEnvironment } from '#kernel';
import { DECODE_LIMITS } from './media-budget.ts';
import { type MediaTools, findMediaTools } from './media-tools.ts';
import { type Sandbox, type SandboxTier, chooseSandbox, findSandbox } from './sandbox.ts';
import { runTool, startTool } from './tool-process.ts';
import { toolRefusal } from './tool-refusal.ts';
import { leftovers } from './clips.fixture.ts';

const dir = mkdtempSync(join(tmpdir(), 'assent-sandbox-'));
let tools: MediaTools;
let canary: Server;
let playlist: string;
let hits = 0;

beforeAll(async () => {
  tools = await findMediaTools();
  canary = createServer((_, answer) => {
    hits++;
    answer.end();
  });
  await new Promise<void>((done) => canary.listen(0, '127.0.0.1', done));
  playlist = join(dir, 'holiday.mp4');
  const url = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/secret.ts`;
  writeFileSync(playlist, `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${url}\n#EXT-X-ENDLIST\n`);
});
afterAll(() => {
  canary.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => {
  hits = 0;
});

const TIERS: readonly SandboxTier[] = ['bubblewrap', 'namespaces', 'rlimits'];
/** The tier, or a skipped test that says why. */
const need = (tier: SandboxTier, skip: (reason: string) => void): Sandbox => {
  const found = findSandbox(tier);
  if (!found) skip(`${tier} does not work on this machine`);
  return found!;
};
/** ffmpeg as careless as can be: the sandbox alone must hold. */
const carelessRead = ['-v', 'error', '-protocol_whitelist', 'file,http,tcp,crypto,data', '-allowed_extensions', 'ALL', '-i'];

describe('the network', () => {
  it('control: outside the sandbox the playlist does reach the canary', async () => {
    const child = spawn(tools.ffmpeg, [...carelessRead, playlist, '-f', 'null', '-'], {
      env: bareEnvironment(),
      stdio: 'ignore',
    });
    await new Promise((done) => child.once('close', done));
    expect(hits).toBeGreaterThan(0);
  });

  it.for(['bubblewrap', 'namespaces'] as const)('a playlist named .mp4 reaches nothing from tier %s', async (tier, { skip }) => {
    const sandbox = need(tier, skip);
    expect(sandbox.hasNetwork).toBe(false);
    const end = await runTool(sandbox, tools.ffmpeg, [...carelessRead, playlist, '-f', 'null', '-'], { readOnly: [playlist] });
    expect(end.code).not.toBe(0);
    expect(hits).toBe(0);
  });
});

describe('bubblewrap', () => {
  it('shows no file but the one that is to be read', async ({ skip }) => {
    const sandbox = need('bubblewrap', skip);
    const secret = join(dir, 'secret.txt');
    writeFileSync(secret, 'secret');
    for (const path of ['/etc/passwd', '/root', '/home', '/proc/1/environ', secret]) {
      const end = await runTool(sandbox, tools.ffmpeg, ['-v', 'error', '-f', 'data', '-i', path, '-f', 'null', '-'], {
        readOnly: [playlist],
      });
      expect(end.stderr, path).toMatch(/No such file/);
    }
  });

  it('writes nowhere but to the file that is to be written', async ({ skip }) => {
    const sandbox = need('bubblewrap', skip);
    const make = (out: string): string[] => [
      '-v',
      'error',
      '-y',
      '-f',
      'lavfi',
      '-i',
      'color=s=16x16',
      '-frames:v',
      '1',
      '-f',
      'rawvideo',
      out,
    ];
    const out = join(dir, 'out.raw');
    writeFileSync(out, '');
    const allowed = await runTool(sandbox, tools.ffmpeg, make(out), {
      writable: [out],
      limits: { ...DECODE_LIMITS, fileSize: 1 << 20 },
    });
    expect(allowed.code).toBe(0);
    const refused = await runTool(sandbox, tools.ffmpeg, make(join(dir, 'no.raw')), { readOnly: [playlist] });
    expect(refused.code).not.toBe(0);
  });
});

it('an ffmpeg that cannot start in the sandbox is the operator’s matter, not the clip’s', async ({ skip }) => {
  const sandbox = need('bubblewrap', skip);
  const end = await runTool(sandbox, join(dir, 'missing-ffmpeg'), [], {});
  expect(toolRefusal(end)).toMatchObject({ problem: { slug: 'media-tools-missing', status: 503 } });
});

describe.each(TIERS)('tier %s', (tier) => {
  it('runs ffmpeg without our environment', async ({ skip }) => {
    const sandbox = need(tier, skip);
    process.env['ASSENT_TEST_SECRET'] = 'do-not-leak';
    try {
      expect((await runTool(sandbox, tools.ffmpeg, ['-version'], {})).code).toBe(0);
      // The program that is asked is `env`, through the same door as ffmpeg.
      const shown = await runTool(sandbox, '/usr/bin/env', [], {});
      expect(shown.stdout.toString()).toContain('PATH=');
      expect(shown.stdout.toString()).not.toContain('do-not-leak');
    } finally {
      delete process.env['ASSENT_TEST_SECRET'];
    }
  });

  it('ends a decoder that wants too much memory or time', async ({ skip }) => {
    const sandbox = need(tier, skip);
    const hungry = [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'color=s=16000x16000,format=gbrpf32le',
      '-frames:v',
      '1',
      '-f',
      'null',
      '-',
    ];
    // ffmpeg 5.1 does not always give up when memory runs out: it may wait for a thread that never started (measured: 100 s
    // without CPU). That is why every run has a wall clock too.
    const limits = { ...DECODE_LIMITS, addressSpace: 600 << 20 };
    const memory = await runTool(sandbox, tools.ffmpeg, hungry, { limits }, { timeoutMs: 1500 });
    expect(memory.code).not.toBe(0);
    const endless = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=640x360', '-f', 'null', '-'];
    const time = await runTool(sandbox, tools.ffmpeg, endless, { limits: { ...DECODE_LIMITS, cpuSeconds: 1 } });
    expect(time.timedOut).toBe(false);
    expect(toolRefusal(time)).toMatchObject({ problem: { slug: 'media-over-budget' }, members: { limit: 'time' } });
  });

  it('leaves no process behind when it is killed', async ({ skip }) => {
    const sandbox = need(tier, skip);
    const marker = `title=marker-${tier}-${process.pid}`;
    const endless = ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=64x64', '-metadata', marker, '-f', 'rawvideo', '-'];
    const tool = startTool(sandbox, tools.ffmpeg, endless, {});
    await new Promise((done) => tool.child.stdout!.once('data', done));
    expect(leftovers(marker).length).toBeGreaterThan(0);
    await tool.stop();
    expect(leftovers(marker)).toEqual([]);
  });

  it('works for an ordinary user', async ({ skip }) => {
    const sandbox = need(tier, skip);
    if (process.getuid?.() !== 0) skip('already an ordinary user: the other tests show it');
    chmodSync(dir, 0o755);
    const wrapped = sandbox.wrap(
      tools.ffmpeg,
      ['-v', 'error', '-f', 'lavfi', '-i', 'color=s=16x16', '-frames:v', '1', '-f', 'null', '-'],
      {
        readOnly: [playlist],
      },
    );
    const done = spawnSync(wrapped.program, wrapped.args, { env: bareEnvironment(), uid: 65534, gid: 65534, encoding: 'utf8' });
    expect(done.stderr).toBe('');
    expect(done.status).toBe(0);
  });
});

it('takes the best tier, and refuses rather than weakens a demanded one', () => {
  const best = chooseSandbox('auto');
  expect(best.tier).toBe(TIERS.find((tier) => findSandbox(tier)));
  const path = process.env['PATH'];
  process.env['PATH'] = dir; // no bwrap, no unshare, no prlimit
  try {
    expect(() => chooseSandbox('bubblewrap')).toThrow(/bubblewrap/);
    expect(() => chooseSandbox('auto')).toThrow(/sandbox/);
  } finally {
    process.env['PATH'] = path;
  }
});
