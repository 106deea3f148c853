import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { WasmBuilder, WasmReader, initSync } from '@contentauth/c2pa-wasm';
import type { C2paReply, C2paRequest, EngineJob } from './c2pa-engine.ts';

/*
 * One request in a fresh WASM instance: a trap on a hostile file ends this thread and nothing else. The thread never holds a private
 * key: it asks its parent for each signature.
 */

/** The WASM only uses `size`, `slice` and FileReaderSync, so a look-alike over a file descriptor spares reading the file whole. */
class FileBlob {
  constructor(
    private readonly fd: number,
    private readonly start: number,
    private readonly end: number,
  ) {}
  static open(path: string): FileBlob {
    const fd = openSync(path, 'r');
    return new FileBlob(fd, 0, fstatSync(fd).size);
  }
  get size(): number {
    return this.end - this.start;
  }
  get type(): string {
    return '';
  }
  slice(from = 0, to = this.size): FileBlob {
    return new FileBlob(this.fd, this.start + from, Math.min(this.start + to, this.end));
  }
  readAll(): ArrayBuffer {
    const bytes = new Uint8Array(this.size);
    for (let at = 0; at < bytes.length;) {
      const read = readSync(this.fd, bytes, at, bytes.length - at, this.start + at);
      if (read === 0) break;
      at += read;
    }
    return bytes.buffer;
  }
  close(): void {
    closeSync(this.fd);
  }
}
(globalThis as Record<string, unknown>)['FileReaderSync'] = class {
  readAsArrayBuffer(blob: FileBlob): ArrayBuffer {
    return blob.readAll();
  }
};
// The settings forbid every request already; a file must not reach the network through a way that they do not know.
globalThis.fetch = () => Promise.reject(new Error('the C2PA engine has no network'));

const port = parentPort!;
const reply = (message: C2paReply): void => port.postMessage(message);
const reasonOf = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

function askForSignature(claim: Uint8Array, reserveSize: number): Promise<Uint8Array> {
  return new Promise((done) => {
    // A refusal of the signer ends this thread from outside, so only a signature comes back.
    port.once('message', (answer: { signature: Uint8Array }) => done(answer.signature));
    reply({ type: 'sign', claim, reserveSize });
  });
}

async function sign(request: Extract<C2paRequest, { op: 'sign' }>): Promise<void> {
  const builder = WasmBuilder.fromJson(JSON.stringify(request.definition), request.settings);
  for (const ingredient of request.ingredients) {
    if (ingredient.path === undefined) {
      builder.addIngredient(JSON.stringify(ingredient.definition)); // by id and hash only: its bytes stay sealed
      continue;
    }
    const blob = FileBlob.open(ingredient.path);
    await builder.addIngredientFromBlob(JSON.stringify(ingredient.definition), ingredient.mimeType, blob as never);
    blob.close();
  }
  const source = FileBlob.open(request.input);
  const signer = {
    alg: request.algorithm,
    reserveSize: request.reserveSize,
    sign: (claim: Uint8Array) => askForSignature(claim, request.reserveSize),
  };
  const { asset, manifest } = (await builder.signAndGetManifestBytes(
    signer as never,
    [] as never,
    request.mimeType,
    source as never,
  )) as { asset: Uint8Array; manifest: Uint8Array };
  source.close();
  writeFileSync(request.output, asset, { mode: 0o600 });
  reply({ type: 'signed', manifest });
}

async function read({ input, mimeType, settings }: Extract<C2paRequest, { op: 'read' }>): Promise<void> {
  const blob = typeof input === 'string' ? FileBlob.open(input) : undefined;
  let reader: WasmReader;
  try {
    reader = blob
      ? await WasmReader.fromBlob(mimeType, blob as never, settings)
      : await WasmReader.fromBytes(mimeType, input as Uint8Array, settings);
  } catch (error) {
    return reply({ type: 'unreadable', reason: reasonOf(error) });
  } finally {
    blob?.close();
  }
  const active = reader.activeLabel();
  // Any address inside a manifest gives the whole store.
  const store = active === undefined ? {} : { store: reader.resourceToBytes(`self#jumbf=/c2pa/${active}`) };
  reply({ type: 'read', json: reader.json(), ...store });
}

const { request, module } = workerData as EngineJob;
initSync({ module });
(request.op === 'sign' ? sign(request) : read(request)).catch((error: unknown) =>
  reply({ type: 'failed', reason: reasonOf(error) }),
);
