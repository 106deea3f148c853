import { readFileSync } from 'node:fs';
import { built } from '#kernel';
import { ATTRIBUTES, BONES, GRADIENT, RECORD, type SplatModel } from './splat-layout.ts';

interface SplatExports {
  blend(out: number, base: number, delta: number, w: number, n: number, K: number): void;
  accumulate(gBase: number, gDelta: number, g: number, w: number, n: number, K: number): void;
  adam(
    p: number,
    g: number,
    m: number,
    v: number,
    rates: number,
    n: number,
    i1: number,
    i2: number,
    anchor: number,
    pull: number,
  ): void;
  project(cur: number, share: number, bones: number, rec: number, depth: number, order: number, N: number, side: number): number;
  sortByDepth(order: number, out: number, depth: number, keys: number, histogram: number, n: number): void;
  unproject(cur: number, share: number, bones: number, rec: number, grad: number, out: number, N: number): void;
}
interface PixelExports {
  forward(...args: number[]): number;
  residual(...args: number[]): number;
  backward(...args: number[]): void;
}

const modules = new Map<string, WebAssembly.Module>();
function kernelModule(name: string): WebAssembly.Module {
  let found = modules.get(name);
  if (!found) modules.set(name, (found = new WebAssembly.Module(readFileSync(built('kernels', `${name}.wasm`)))));
  return found;
}

/** Bytes below belong to the modules, should they ever get static data. */
const RESERVED = 65_536;

/** Addresses of one splat head in WASM memory, the kernels over it, and views on what they read and write. */
export class SplatMemory {
  readonly splats: SplatExports;
  readonly pixels: PixelExports;
  readonly buffer: ArrayBuffer;
  /** Floats per row of a plane: 8 more than pixels, for the last SIMD step of a span. */
  readonly stride: number;
  readonly at: Readonly<Record<Region, number>>;
  readonly blocks: readonly { first: number; count: number; K: number; delta: number; w: number }[];
  /** Floats of all deltas. */
  readonly deltas: number;
  private end = RESERVED;

  constructor(
    readonly model: SplatModel,
    readonly side: number,
    training: boolean,
  ) {
    const N = model.count;
    this.stride = side + 8;
    this.deltas = model.blocks.reduce((sum, b) => sum + b.delta.length, 0);
    this.at = this.layOut(N, training);
    let delta = this.at.delta;
    this.blocks = model.blocks.map(({ first, count, columns }) => {
      const block = { first, count, K: columns.length, delta, w: this.take(4 * columns.length) };
      delta += 4 * columns.length * count * ATTRIBUTES;
      return block;
    });
    const memory = new WebAssembly.Memory({ initial: Math.ceil(this.end / 65_536) + 1 });
    const env = { env: { memory } };
    this.splats = new WebAssembly.Instance(kernelModule('splats'), env).exports as unknown as SplatExports;
    this.pixels = new WebAssembly.Instance(kernelModule('rasterise'), env).exports as unknown as PixelExports;
    this.buffer = memory.buffer;
    this.load(model);
    if (training) this.floats(this.at.startDelta, this.deltas).set(this.floats(this.at.delta, this.deltas));
  }

  private take(bytes: number): number {
    const start = this.end;
    this.end = (this.end + bytes + 63) & ~63;
    return start;
  }

  private layOut(N: number, training: boolean): Record<Region, number> {
    const plane = 4 * this.stride * this.side + 64;
    const bytes = 3 * this.side * this.side;
    const params = 4 * N * ATTRIBUTES;
    const at = (size: number, needed = true): number => (needed ? this.take(size) : 0);
    return {
      cur: at(params), base: at(params), share: at(4 * N), bones: at(4 * BONES), rec: at(4 * RECORD * N), depth: at(4 * N),
      order: at(4 * N), sorted: at(4 * N), keys: at(4 * N), histogram: at(16_384), T: at(plane), R: at(plane), G: at(plane), B: at(plane),
      plate: at(bytes + 64), delta: at(4 * this.deltas),
      target: at(bytes + 64, training), DR: at(plane, training), DG: at(plane, training), DB: at(plane, training), S: at(plane, training),
      grad: at(4 * GRADIENT * N, training), gCur: at(params, training), rates: at(64, training), deltaRates: at(64, training),
      gBase: at(params, training), mBase: at(params, training), vBase: at(params, training),
      gDelta: at(4 * this.deltas, training), mDelta: at(4 * this.deltas, training), vDelta: at(4 * this.deltas, training), startDelta: at(4 * this.deltas, training),
    }; // prettier-ignore
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.buffer, at, length);
  }
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.buffer, at, length);
  }
  plane(name: 'T' | 'R' | 'G' | 'B' | 'DR' | 'DG' | 'DB' | 'S'): Float32Array {
    return this.floats(this.at[name], this.stride * this.side);
  }

  private load({ base, headShare, blocks, count }: SplatModel): void {
    this.floats(this.at.base, count * ATTRIBUTES).set(base);
    this.floats(this.at.share, count).set(headShare);
    blocks.forEach((block, k) => this.floats(this.blocks[k]!.delta, block.delta.length).set(block.delta));
  }

  /** The parameters as they are now, copied out. */
  save(): SplatModel {
    const { count, headShare, blocks } = this.model;
    return {
      count,
      base: this.floats(this.at.base, count * ATTRIBUTES).slice(),
      headShare,
      blocks: blocks.map((block, k) => ({ ...block, delta: this.floats(this.blocks[k]!.delta, block.delta.length).slice() })),
    };
  }
}

type Region =
  | 'cur' | 'base' | 'share' | 'bones' | 'rec' | 'depth' | 'order' | 'sorted' | 'keys' | 'histogram' | 'T' | 'R' | 'G' | 'B' | 'plate' | 'delta'
  | 'target' | 'DR' | 'DG' | 'DB' | 'S' | 'grad' | 'gCur' | 'rates' | 'deltaRates' | 'gBase' | 'mBase' | 'vBase' | 'gDelta' | 'mDelta' | 'vDelta' | 'startDelta'; // prettier-ignore
