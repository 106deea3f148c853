import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { toProblem } from './domain-error.ts';
import { ChildRefusal, childrenHaveNoNetwork, killIsolatedChildren, runIsolated } from './isolated-child.ts';
import { built } from './paths.ts';
import type { TestRequest } from './test-isolated.child.ts';

const ENTRY = built('libs/ground/kernel/test-isolated.child.js');
const run = <R>(request: TestRequest, options: Parameters<typeof runIsolated>[2] = {}): Promise<R> =>
  runIsolated<TestRequest, R>(ENTRY, request, options);

/** Neither running nor a zombie that nobody has waited for. */
function isGone(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return true;
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return ['Z', 'X'].includes(line.slice(line.lastIndexOf(')') + 2)[0]!);
  } catch (error) {
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
async function gone(pid: number): Promise<true> {
  while (!isGone(pid)) await sleep(20);
  return true;
}
const grandchildOf = (progress: unknown): number => (progress as { grandchild: number }).grandchild;

describe('what a child sees', () => {
  const names = ['DATABASE_URL', 'ASSENT_HOME', 'AWS_SECRET_ACCESS_KEY', 'NODE_OPTIONS'];
  afterEach(() => names.forEach((name) => delete process.env[name]));

  it('is no secret of ours: an environment of four harmless names', async () => {
    for (const name of names.slice(0, 3)) process.env[name] = 'postgres://user:secret@host/db';
    const { environment, argv } = await run<{ environment: string[]; argv: string[] }>({ act: 'look' });
    expect(environment.join()).not.toContain('secret');
    // NODE_CHANNEL_…: the pipe between us. `_`: what some shells add on the way.
    const ours = environment.map((line) => line.split('=')[0]!).filter((name) => !/^(NODE_CHANNEL_.*|_)$/.test(name));
    expect(ours).toContain('PATH');
    expect(['PATH', 'LANG', 'LC_ALL', 'TZ']).toEqual(expect.arrayContaining(ours));
    expect(argv).toEqual([]); // a command line is read by every user of the machine
  });

  it.skipIf(!childrenHaveNoNetwork())('is no network: a server on the loopback is out of reach', async () => {
    let visits = 0;
    const server = createServer((socket) => void (visits++, socket.destroy()));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      expect(await run<string>({ act: 'connect', port: (server.address() as AddressInfo).port })).toMatch(
        /ENETUNREACH|EHOSTUNREACH/,
      );
      expect(visits).toBe(0);
    } finally {
      server.close();
    }
  });

  it('are typed arrays as they are, and its news on the way', async () => {
    const news: unknown[] = [];
    const values = Float64Array.of(0.1, -0, 1e300);
    expect(await run({ act: 'double', values }, { onProgress: (value) => news.push(value) })).toEqual(
      Float64Array.of(0.2, -0, 2e300),
    );
    expect(news).toEqual([{ stage: 'doubling', of: 3 }]);
  });
});

describe('how a child fails', () => {
  it('a refusal crosses with slug, status, title and members', async () => {
    const error = await run({ act: 'refuse' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ChildRefusal);
    expect(toProblem(error)).toMatchObject({
      code: 'invalid-input',
      status: 422,
      detail: 'Film in better light.',
      errors: [{ pointer: '/video', detail: 'dark' }],
    });
  });

  it('a bug stays a bug: for our log, not for the wire', async () => {
    const error = await run({ act: 'break' }).catch((caught: unknown) => caught);
    expect(String(error)).toContain('a bug of the child');
    expect(JSON.stringify(toProblem(error))).not.toContain('a bug of the child');
    expect(toProblem(error)).toMatchObject({ code: 'internal-error', status: 500 });
  });

  it('a crash is told with its last words, and what it started ends too', async () => {
    let started = 0;
    const error = await run({ act: 'exit', withChild: true }, { onProgress: (value) => (started = grandchildOf(value)) }).catch(
      String,
    );
    expect(error).toMatch(/exit 3.*out of memory, or so/);
    expect(started).toBeGreaterThan(0);
    expect(await gone(started)).toBe(true);
  });

  it('an entry that does not exist says so, also when the request is too large for the pipe', async () => {
    const request = { values: new Float64Array(4_000_000) };
    await expect(runIsolated(built('no-such.child.js'), request)).rejects.toThrow(/ended without a result.*no-such\.child\.js/s);
  });

  it('a request that cannot be sent fails the call and leaves no process waiting', async () => {
    const children = (): number => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
    const before = children();
    await expect(runIsolated(ENTRY, { act: () => 'a function' })).rejects.toThrow(/could not be cloned/);
    while (children() > before) await sleep(20);
  });

  it('a listener that throws fails the call instead of the process', async () => {
    const onProgress = (): never => {
      throw new Error('the listener broke');
    };
    await expect(run({ act: 'double', values: new Float64Array(1) }, { onProgress })).rejects.toThrow('the listener broke');
  });
});

describe('abort', () => {
  it('kills the child and what it started, and rejects with the reason', async () => {
    const controller = new AbortController();
    let started = 0;
    const running = run({ act: 'spawn-and-wait' }, {
      signal: controller.signal,
      onProgress(value) {
        started = grandchildOf(value);
        controller.abort(new Error('consent was withdrawn'));
      },
    }); // prettier-ignore
    await expect(running).rejects.toThrow('consent was withdrawn');
    expect(await gone(started)).toBe(true);
  });

  it('before the start starts nothing', async () => {
    await expect(run({ act: 'look' }, { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
  });

  it('of all children at once: for a process that has to stop', async () => {
    let started = 0;
    const running = run({ act: 'spawn-and-wait' }, {
      onProgress(value) {
        started = grandchildOf(value);
        killIsolatedChildren();
      },
    }); // prettier-ignore
    await expect(running).rejects.toThrow(/ended without a result \(SIGKILL\)/);
    expect(await gone(started)).toBe(true);
  });
});
