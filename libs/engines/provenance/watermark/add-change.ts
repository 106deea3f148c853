import { readFileSync } from 'node:fs';
import { built } from '#kernel';

/** Reference of the kernel: adds a signed change to each byte, in place, saturating at 0 and 255. */
export function addChangeReference(picture: Uint8Array, change: Int8Array): void {
  for (let i = 0; i < picture.length; i++) picture[i] = Math.min(255, Math.max(0, picture[i]! + change[i]!));
}

interface Kernel {
  addChange(picture: number, change: number, bytes: number): void;
}
/** Bytes below belong to the module. */
const RESERVED = 65_536;
let compiled: WebAssembly.Module | undefined;

/** The same with the WASM kernel: the change is laid into its memory once and serves every picture of that size. */
export class ChangeAdder {
  readonly #picture: Uint8Array;
  readonly #kernel: Kernel;
  readonly #changeAt: number;

  constructor(change: Int8Array) {
    const bytes = change.length;
    this.#changeAt = RESERVED + Math.ceil(bytes / 16) * 16;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((this.#changeAt + bytes) / 65_536) });
    compiled ??= new WebAssembly.Module(readFileSync(built('kernels', 'watermark.wasm')));
    this.#kernel = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernel;
    this.#picture = new Uint8Array(memory.buffer, RESERVED, bytes);
    new Int8Array(memory.buffer, this.#changeAt, bytes).set(change);
  }

  /** In place; the picture must be as long as the change. */
  add(picture: Uint8Array): void {
    this.#picture.set(picture);
    this.#kernel.addChange(RESERVED, this.#changeAt, this.#picture.length);
    picture.set(this.#picture);
  }
}
