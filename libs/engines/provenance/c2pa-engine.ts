import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { built } from '#kernel';

export type C2paRequest =
  | {
      readonly op: 'sign';
      readonly input: string;
      readonly output: string;
      readonly mimeType: string;
      readonly definition: object;
      readonly settings: string;
      readonly algorithm: 'es256' | 'ed25519';
      readonly reserveSize: number;
      readonly ingredients: readonly {
        readonly path?: string | undefined;
        readonly mimeType: string;
        readonly definition: object;
      }[];
    }
  | { readonly op: 'read'; readonly input: string | Uint8Array; readonly mimeType: string; readonly settings: string };

export type C2paReply =
  | { readonly type: 'sign'; readonly claim: Uint8Array; readonly reserveSize: number }
  | { readonly type: 'signed'; readonly manifest: Uint8Array }
  /** `store`: the manifest store as it stands in the file (JUMBF); absent when the engine cannot give it. */
  | { readonly type: 'read'; readonly json: string; readonly store?: Uint8Array }
  /** The reader threw. Only "not found" may be taken for "no manifest" (DESIGN rule 19). */
  | { readonly type: 'unreadable'; readonly reason: string }
  | { readonly type: 'failed'; readonly reason: string };

export interface EngineJob {
  readonly request: C2paRequest;
  readonly module: WebAssembly.Module;
}

/** A hostile file may make the WASM loop: no honest file of the permitted size needs this long. */
const DEADLINE_MS = 120_000;
/** Each thread may hold a file several times over; more at once would trade waiting for memory. */
const MOST_THREADS = 2;

/** Compiled once (0.1 s), then shared by every thread: a fresh instance costs 6 ms. */
let compiled: Promise<WebAssembly.Module> | undefined;
const engineModule = (): Promise<WebAssembly.Module> =>
  (compiled ??= readFile(createRequire(import.meta.url).resolve('@contentauth/c2pa-wasm/c2pa.wasm')).then((bytes) =>
    WebAssembly.compile(bytes),
  ));

let running = 0;
const waiting: (() => void)[] = [];

/** Runs one request of c2pa-rs (WASM) in a thread of its own. `sign` is called for each signature that the engine wants. */
export async function runC2pa(
  request: C2paRequest,
  sign?: (claim: Uint8Array, reserveSize: number) => Promise<Uint8Array>,
): Promise<C2paReply> {
  const module = await engineModule();
  if (running >= MOST_THREADS) await new Promise<void>((go) => waiting.push(go));
  else running++;
  try {
    return await runThread({ request, module }, sign);
  } finally {
    const next = waiting.shift(); // hands its place on, so the count stays
    if (next) next();
    else running--;
  }
}

function runThread(job: EngineJob, sign?: (claim: Uint8Array, reserveSize: number) => Promise<Uint8Array>): Promise<C2paReply> {
  return new Promise((done, fail) => {
    const worker = new Worker(built('libs/engines/provenance/c2pa.worker.js'), {
      workerData: job,
      env: {}, // what parses a stranger's file sees none of our environment
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    const deadline = setTimeout(
      () => finish(() => done({ type: 'failed', reason: `no answer within ${DEADLINE_MS / 1000} s` })),
      DEADLINE_MS,
    );
    const finish = (settle: () => void): void => {
      clearTimeout(deadline);
      settle();
      void worker.terminate();
    };
    worker.on('message', (reply: C2paReply) => {
      if (reply.type !== 'sign') return finish(() => done(reply));
      if (!sign) return finish(() => fail(new Error('the engine asked for a signature without a signer')));
      sign(reply.claim, reply.reserveSize).then(
        (signature) => worker.postMessage({ signature }),
        (error: unknown) => finish(() => fail(error as Error)),
      );
    });
    // A trap or an out-of-memory is a finding about the file, not a crash of ours.
    worker.once('error', (error) => finish(() => done({ type: 'failed', reason: `${error.name}: ${error.message}` })));
    worker.once('exit', (code) => finish(() => done({ type: 'failed', reason: `the engine's thread ended early (${code})` })));
  });
}
