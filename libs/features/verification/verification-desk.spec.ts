import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Scratch } from '#storage';
import { temporaryHome } from '#testing';
import { CostBuckets } from './cost-bucket.ts';
import { type DeskLimits, VerificationDesk } from './verification-desk.ts';
import { OverloadedError, RateLimitedError, VerifyInterruptedError, VerifyTooLargeError } from './verification.errors.ts';
import type { VerificationService } from './verification.service.ts';

const LIMITS: DeskLimits = { maxBytes: 1000, running: 2, inside: 5, bytesInside: 3000, waitMs: 10_000, workMs: 1000 };

let place: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => void (place = await temporaryHome()));
afterAll(() => place.remove());

/** Looks at files until it is told to stop. */
class Engine {
  running = 0;
  most = 0;
  release: (() => void)[] = [];
  fails = false;
  readonly service = {
    verifyUntrusted: async (_path: string, { signal }: { signal: AbortSignal }) => {
      this.most = Math.max(this.most, ++this.running);
      try {
        await new Promise<void>((done, fail) => {
          this.release.push(done);
          signal.addEventListener('abort', () => fail(signal.reason as Error));
        });
        if (this.fails) throw new Error('a bug');
        return {};
      } finally {
        this.running--;
      }
    },
  } as unknown as VerificationService;
}
let engine: Engine;
beforeEach(() => void (engine = new Engine()));
const desk = (limits: Partial<DeskLimits> = {}, buckets = new CostBuckets()): VerificationDesk =>
  new VerificationDesk(engine.service, new Scratch(place.home), { ...LIMITS, ...limits }, buckets);
async function* bytes(count: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < count; i += 100) {
    await Promise.resolve();
    yield new Uint8Array(Math.min(100, count - i));
  }
}
const ask = (
  at: VerificationDesk,
  count = 100,
  more: { signal?: AbortSignal; body?: AsyncIterable<Uint8Array>; address?: string; declaredBytes?: number } = {},
) => at.take({ address: '192.0.2.1', body: bytes(count), signal: new AbortController().signal, ...more });
const files = (): string[] => readdirSync(place.home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)); // prettier-ignore
const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(5);
  expect(holds()).toBe(true);
};

describe('what the desk takes', () => {
  it('counts on the way: one byte too many is refused, and nothing is left', async () => {
    const at = desk();
    await expect(ask(at, 1001)).rejects.toBeInstanceOf(VerifyTooLargeError);
    await expect(ask(at, 10, { declaredBytes: 1001 })).rejects.toBeInstanceOf(VerifyTooLargeError);
    expect(files()).toEqual([]);
    expect(at.inside).toBe(0);
  });

  it('looks at as many files at once as there are turns, each in its order, and gives the turn back whatever happens', async () => {
    const at = desk();
    const asked = Array.from({ length: 5 }, () => ask(at));
    await until(() => engine.running === 2 && at.inside === 5);
    expect(files()).toHaveLength(5);
    engine.fails = true;
    for (const outcome of asked) outcome.catch(() => undefined);
    for (let i = 0; i < 5; i++) {
      await until(() => engine.release.length > i);
      engine.release[i]!();
    }
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(engine.most).toBe(2);
    expect({ inside: at.inside, files: files() }).toEqual({ inside: 0, files: [] });
    engine.fails = false;
    const next = ask(at);
    await until(() => engine.running === 1);
    engine.release.at(-1)!();
    expect(await next).toMatchObject({ bytes: 100 });
  });

  it('too many inside, too many bytes, too long a wait: 503 with a time', async () => {
    const full = desk();
    const stop = new AbortController();
    const inside = Array.from({ length: 5 }, () => ask(full, 100, { signal: stop.signal }).catch((error: unknown) => error));
    await until(() => full.inside === 5 && engine.running === 2);
    await expect(ask(full)).rejects.toBeInstanceOf(OverloadedError);
    const heavy = desk({ inside: 100 });
    const many = Array.from({ length: 3 }, () =>
      ask(heavy, 900, { declaredBytes: 900, signal: stop.signal }).catch((error: unknown) => error),
    );
    await expect(ask(heavy, 900, { declaredBytes: 900 })).rejects.toBeInstanceOf(OverloadedError);
    await expect(ask(heavy, 900)).rejects.toBeInstanceOf(OverloadedError); // announced nothing, and comes to too much
    await until(() => heavy.inside === 3);
    const hurried = desk({ waitMs: 20, running: 0 });
    await expect(ask(hurried)).rejects.toMatchObject({ problem: { slug: 'overloaded' }, members: { retry_after: 30 } });
    stop.abort(new Error('gone'));
    for (const error of await Promise.all(inside)) expect(error).toBeInstanceOf(VerifyInterruptedError);
    await Promise.all(many);
    expect({ full: full.inside, heavy: heavy.inside, files: files() }).toEqual({ full: 0, heavy: 0, files: [] });
  });

  it('an address that has cost too much waits; another one does not', async () => {
    const buckets = new CostBuckets({ capacity: 1, refill: 0.1 }, () => 0);
    const at = desk({}, buckets);
    const first = ask(at);
    await until(() => engine.running === 1);
    await expect(ask(at)).rejects.toBeInstanceOf(RateLimitedError);
    const other = ask(at, 100, { address: '192.0.2.9' });
    await until(() => engine.running === 2);
    for (const release of engine.release) release();
    await Promise.all([first, other]);
  });
});

describe('a client that goes (case UP-03)', () => {
  it.each([
    ['while its bytes come, then stop', async function* () { yield new Uint8Array(10); await new Promise(() => undefined); }], // prettier-ignore
    ['while its file is looked at', () => bytes(100)],
  ])('%s: file, turn and place are free at once', async (_, body) => {
    const at = desk({ running: 1 });
    const gone = new AbortController();
    const asked = ask(at, 0, { body: body(), signal: gone.signal });
    const waiting = ask(at, 100);
    await until(() => files().length === 2);
    gone.abort(new Error('gone'));
    await expect(asked).rejects.toBeInstanceOf(VerifyInterruptedError);
    await until(() => engine.running === 1);
    engine.release.at(-1)!();
    await waiting;
    expect({ inside: at.inside, files: files() }).toEqual({ inside: 0, files: [] });
  });

  it('while it waits for a turn', async () => {
    const at = desk({ running: 1 });
    const first = ask(at);
    await until(() => engine.running === 1);
    const gone = new AbortController();
    const second = ask(at, 100, { signal: gone.signal });
    await until(() => files().length === 2);
    await sleep(20);
    gone.abort(new Error('gone'));
    await expect(second).rejects.toBeInstanceOf(VerifyInterruptedError);
    engine.release[0]!();
    await first;
    expect({ inside: at.inside, files: files(), most: engine.most }).toEqual({ inside: 0, files: [], most: 1 });
  });
});
