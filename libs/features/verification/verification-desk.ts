import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '#kernel';
import type { Scratch } from '#storage';
import { CostBuckets } from './cost-bucket.ts';
import { OverloadedError, RateLimitedError, VerifyInterruptedError, VerifyTooLargeError } from './verification.errors.ts';
import type { PlatformVerification, VerificationService } from './verification.service.ts';

/** The published limit of a file that is verified. */
export const MAX_VERIFY_FILE = 200 * 1024 * 1024;

export interface DeskLimits {
  readonly maxBytes: number;
  /** Files that are looked at at the same time: one core each. */
  readonly running: number;
  /** Requests that may be inside, receiving or waiting. */
  readonly inside: number;
  /** Bytes of all files inside. */
  readonly bytesInside: number;
  /** How long a file waits for its turn. */
  readonly waitMs: number;
  /** How long one file may be looked at. */
  readonly workMs: number;
}

/** What an answer costs at least, in seconds of work, and what each 40 MB adds: reserved before a request begins. */
const LEAST_COST = 2;
const BYTES_PER_SECOND = 40e6;

/**
 * Takes files from anybody, without an account: streamed to scratch and counted on the way, looked at by a child process, a few at a
 * time, at a price per address. When the client goes, everything goes: file, child, turn.
 */
export class VerificationDesk {
  #inside = 0;
  #bytesInside = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly verification: VerificationService,
    private readonly scratch: Scratch,
    readonly limits: DeskLimits,
    private readonly buckets = new CostBuckets(),
  ) {}

  /** Requests inside now. */
  get inside(): number {
    return this.#inside;
  }

  /**
   * @param declaredBytes what the request says it will send, if it does
   * @param signal fires when the client is gone
   * @throws RateLimitedError, OverloadedError, VerifyTooLargeError, VerifyInterruptedError
   */
  async take(request: {
    address: string;
    declaredBytes?: number | undefined;
    body: AsyncIterable<Uint8Array>;
    signal: AbortSignal;
  }): Promise<PlatformVerification & { readonly bytes: number }> {
    const { address, body, signal } = request;
    if ((request.declaredBytes ?? 0) > this.limits.maxBytes) throw this.#tooLarge();
    const wait = this.buckets.waitSeconds(address);
    if (wait > 0) throw new RateLimitedError(`Wait ${Math.ceil(wait)} s before the next file.`, { retry_after: Math.ceil(wait) });
    // What is announced has its place from the beginning, so that newcomers are refused and not those who are half-way.
    let held = request.declaredBytes ?? 0;
    if (this.#inside >= this.limits.inside || this.#bytesInside + held > this.limits.bytesInside) throw overloaded();
    let reserved = LEAST_COST;
    this.buckets.charge(address, reserved);
    this.#inside++;
    this.#bytesInside += held;
    let bytes = 0;
    const count = (more: number): void => {
      bytes += more;
      if (bytes > this.limits.maxBytes) throw this.#tooLarge();
      if (bytes <= held) return;
      this.#bytesInside += bytes - held;
      held = bytes;
      if (this.#bytesInside > this.limits.bytesInside) throw overloaded();
    };
    try {
      return await this.scratch.within(`verify-${newId()}`, async (folder) => {
        const path = join(folder, 'file');
        await receive(body, path, count, signal);
        await this.#turn(signal);
        const begun = performance.now();
        try {
          const report = await this.verification.verifyUntrusted(path, { signal, workMs: this.limits.workMs });
          return { ...report, bytes };
        } finally {
          this.#done();
          this.buckets.charge(address, (performance.now() - begun) / 1000 + bytes / BYTES_PER_SECOND - reserved);
          reserved = 0;
        }
      });
    } catch (error) {
      // Bytes cost too, also of a file that nobody looked at in the end.
      if (reserved > 0) this.buckets.charge(address, bytes / BYTES_PER_SECOND - reserved);
      if (signal.aborted) throw new VerifyInterruptedError('The request ended before its answer.', {}, { cause: error });
      throw error;
    } finally {
      this.#inside--;
      this.#bytesInside -= held;
    }
  }

  #tooLarge(): VerifyTooLargeError {
    const { maxBytes } = this.limits;
    return new VerifyTooLargeError(
      `A file may have up to ${Math.round(maxBytes / 1024 / 1024)} MB here. \`assent verify\` takes larger ones.`,
      {
        limit: maxBytes,
      },
    );
  }

  /** Waits for a free turn. Whoever gives up, or whose client goes, leaves the queue. */
  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.limits.running) {
      this.#running++;
      return;
    }
    await new Promise<void>((done, fail) => {
      const leave = (error: Error): void => {
        const place = this.#waiting.indexOf(called);
        if (place < 0) return;
        this.#waiting.splice(place, 1);
        finish();
        fail(error);
      };
      const onAbort = (): void => leave(signal.reason as Error);
      const timer = setTimeout(() => leave(overloaded()), this.limits.waitMs);
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      const called = (): void => {
        finish();
        done();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(called);
    });
  }

  /** The turn goes to whoever waits longest; `running` stays as it is then. */
  #done(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}

const overloaded = (): OverloadedError =>
  new OverloadedError('Many files are being looked at. Try again in half a minute.', { retry_after: 30 });

/** Streams a body to a file. Ends at once when the client goes, also when its bytes have stopped coming without an end. */
async function receive(
  body: AsyncIterable<Uint8Array>,
  path: string,
  count: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const bytes = body[Symbol.asyncIterator]();
  let onAbort: () => void = () => undefined;
  const gone = new Promise<never>((_, fail) => {
    onAbort = () => fail(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  gone.catch(() => undefined); // it is awaited below, or nobody needs it any more
  const file = await open(path, 'wx', 0o600);
  try {
    for (;;) {
      const { done, value } = await Promise.race([bytes.next(), gone]);
      if (done === true) return;
      count(value.length);
      await file.write(value);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await file.close();
  }
}
