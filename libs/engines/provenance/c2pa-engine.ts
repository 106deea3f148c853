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
  | { readonly op: 'read'; readonly input: string; readonly mimeType: string; readonly settings: string };

export type C2paReply =
  | { readonly type: 'sign'; readonly claim: Uint8Array; readonly reserveSize: number }
  | { readonly type: 'signed'; readonly manifest: Uint8Array }
  | { readonly type: 'read'; readonly json: string }
  /** The reader threw. Only "not found" may be taken for "no manifest" (DESIGN rule 19). */
  | { readonly type: 'unreadable'; readonly reason: string }
  | { readonly type: 'failed'; readonly reason: string };

/** A hostile file may make the WASM loop: no honest file of the permitted size needs this long. */
const DEADLINE_MS = 120_000;

/** Runs one request of c2pa-rs (WASM) in a thread of its own. `sign` is called for each signature that the engine wants. */
export function runC2pa(
  request: C2paRequest,
  sign?: (claim: Uint8Array, reserveSize: number) => Promise<Uint8Array>,
): Promise<C2paReply> {
  return new Promise((done, fail) => {
    const worker = new Worker(built('libs/engines/provenance/c2pa.worker.js'), {
      workerData: request,
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
    worker.once('exit', () => clearTimeout(deadline));
  });
}
