import { Worker } from 'node:worker_threads';
import { built, type RgbFrame } from '#kernel';
import { type ClipSpec, FPS, SIDE } from './clip.ts';

export interface ParallelOptions {
  /** Worker threads, default 2. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

/** How many frames beyond the one that is waited for may be under way per thread: bounds the memory. */
const AHEAD = 2;

type Rendered = { readonly index: number; readonly rgb: Uint8Array; readonly time: number };

/**
 * The frames of a clip in order, drawn by worker threads: the same bytes as `recordClip(…).frames()`. Ending the loop early stops the
 * threads.
 * @throws whatever a thread threw, or the signal's reason.
 */
export async function* renderClipParallel(
  spec: ClipSpec,
  options: ParallelOptions = {},
  onFrame?: (frame: RgbFrame, index: number) => void,
): AsyncGenerator<RgbFrame, void, undefined> {
  const { threads = 2, signal } = options;
  const size = spec.size ?? SIDE;
  const count = Math.round(spec.seconds * (spec.fps ?? FPS));
  const ready = new Map<number, Rendered>();
  let failure: unknown;
  let wake: () => void = () => undefined;
  const fail = (error: unknown): void => {
    failure ??= error;
    wake();
  };
  const workers = Array.from({ length: Math.min(threads, count) }, () => {
    const worker = new Worker(built('libs/engines/synthetic/render.worker.js'), {
      workerData: spec,
      // Built code only: a test runner's own flags would make Node look for TypeScript sources.
      execArgv: [],
    });
    worker.on('message', (frame: Rendered) => {
      ready.set(frame.index, frame);
      wake();
    });
    worker.on('error', fail);
    worker.on('exit', (code) => (code === 0 ? undefined : fail(new Error(`a render thread ended with code ${code}`))));
    return worker;
  });
  const onAbort = (): void => fail(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    let asked = 0;
    for (let next = 0; next < count; next++) {
      for (; asked < Math.min(count, next + threads * AHEAD); asked++) workers[asked % workers.length].postMessage(asked);
      let rendered = ready.get(next);
      while (!rendered && failure === undefined) {
        await new Promise<void>((resume) => (wake = resume));
        rendered = ready.get(next);
      }
      if (!rendered) throw failure as Error;
      ready.delete(next);
      const frame: RgbFrame = { width: size, height: size, data: rendered.rgb, time: rendered.time };
      onFrame?.(frame, next);
      yield frame;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    for (const worker of workers) worker.removeAllListeners('exit');
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
