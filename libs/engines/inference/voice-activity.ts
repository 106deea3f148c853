import type { Tensor } from 'onnxruntime-node';
import { Net } from './net.ts';

/** Speech or not, every 32 ms of a stream of mono sound; one object per stream. */
export class VoiceActivity {
  private state: Tensor;
  /** The last samples of the previous chunk go in front of the next: without them the net hears silence, and no error says so. */
  private readonly past: Float32Array;
  private constructor(
    private readonly net: Net,
    private readonly rate: 8000 | 16000,
  ) {
    this.state = net.tensor('float32', new Float32Array(256), [2, 1, 128]);
    this.past = new Float32Array(rate / 250);
  }

  static async open(rate: 8000 | 16000): Promise<VoiceActivity> {
    return new VoiceActivity(await Net.get('silero_vad_v6'), rate);
  }

  /** Probability of speech in exactly 32 ms of new samples in -1..1 (512 at 16 kHz, 256 at 8 kHz). */
  async push(chunk: Float32Array): Promise<number> {
    if (chunk.length !== this.rate / 31.25) throw new RangeError(`a chunk is ${this.rate / 31.25} samples`);
    const samples = new Float32Array(this.past.length + chunk.length);
    samples.set(this.past);
    samples.set(chunk, this.past.length);
    const { output, stateN } = await this.net.run(() => undefined, {
      input: this.net.tensor('float32', samples, [1, samples.length]),
      state: this.state,
      sr: this.net.tensor('int64', BigInt64Array.of(BigInt(this.rate)), []),
    });
    this.state = this.net.tensor('float32', Float32Array.from(stateN!), [2, 1, 128]);
    this.past.set(samples.subarray(samples.length - this.past.length));
    return output![0]!;
  }
}
