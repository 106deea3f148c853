import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { getModel, type ModelName, readModel } from './model-registry.ts';

type Runtime = typeof import('onnxruntime-node');

/** onnxruntime's native library is loaded by the first net that runs: processes that infer nothing never carry it. */
let runtime: Promise<Runtime> | undefined;
export const inferenceRuntime = (): Promise<Runtime> => (runtime ??= import('onnxruntime-node'));

/** One net with its input tensors kept from run to run. */
export class Net {
  private readonly tensors: Record<string, Tensor> = {};
  private constructor(
    private readonly ort: Runtime,
    private readonly session: InferenceSession,
    readonly name: ModelName,
  ) {
    for (const [input, { type, shape }] of Object.entries(getModel(name).inputs)) {
      if (type === 'float32') {
        const size = shape.reduce((a, b) => a * b, 1);
        this.tensors[input] = new ort.Tensor('float32', new Float32Array(size), [...shape]);
      }
    }
  }

  /** Sessions take 20 to 120 ms to make and hold a thread each: one per process and model. */
  private static readonly open = new Map<ModelName, Promise<Net>>();

  /** @throws ModelUnusableError, ModelHashMismatchError */
  static get(name: ModelName): Promise<Net> {
    let net = Net.open.get(name);
    if (!net) {
      net = Net.load(name);
      Net.open.set(name, net);
      // A failed load is tried again by the next caller instead of being remembered for ever.
      net.catch(() => Net.open.delete(name));
    }
    return net;
  }

  private static async load(name: ModelName): Promise<Net> {
    const bytes = readModel(name);
    const ort = await inferenceRuntime();
    // One thread: two were twice as slow on a shared machine, and the callers run side by side in processes of their own.
    const session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
    });
    return new Net(ort, session, name);
  }

  private queue: Promise<unknown> = Promise.resolve();

  /**
   * Runs the net: `fill` writes the kept inputs (by name), `more` replaces inputs that are not pictures. Output name → fresh values.
   * Runs wait for each other, and `fill` is called when its own turn comes: onnxruntime reads the tensors a moment after the call,
   * and two clips judged at the same time in one process must never see each other's face.
   */
  run(
    fill: (input: (name: string) => Float32Array) => void,
    more: Record<string, Tensor> = {},
  ): Promise<Record<string, Float32Array>> {
    const turn = async (): Promise<Record<string, Float32Array>> => {
      fill((name) => this.tensors[name]!.data as Float32Array);
      const outputs = await this.session.run({ ...this.tensors, ...more });
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data as Float32Array]));
    };
    const result = this.queue.then(turn, turn);
    // The next run follows a failed one too; the failure itself reaches the caller through `result`.
    this.queue = result;
    return result;
  }

  /** A tensor of another kind or shape than the kept ones. */
  tensor(type: 'float32' | 'int64', data: Float32Array | BigInt64Array, dims: number[]): Tensor {
    return new this.ort.Tensor(type, data as Float32Array, dims);
  }
}
