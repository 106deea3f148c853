import { KeyStream } from './key-stream.ts';
import { CODE_BITS } from './mark-code.ts';

/** One chip is one DFT bin of one frame: 46.9 Hz × 21 ms, bins 8 to 127 (375 to 6,000 Hz). */
export const AUDIO = { sampleRate: 48_000, frame: 1024, firstBin: 8, bins: 120, block: 192 } as const;
const SYNC_SHARE = 0.22;

/** Keyed layout of one block of 192 frames (4.1 s), repeated for the length of the sound. */
export class AudioLayout {
  readonly bit = new Int16Array(AUDIO.block * AUDIO.bins);
  readonly sign = new Int8Array(AUDIO.block * AUDIO.bins);

  constructor(key: Uint8Array) {
    const stream = new KeyStream(key, 'assent/watermark/audio/layout/1');
    const count = this.bit.length;
    const order = stream.permutation(count);
    const sync = Math.round(count * SYNC_SHARE);
    for (let i = 0; i < count; i++) {
      const at = order[i]!;
      this.sign[at] = stream.sign();
      this.bit[at] = i < sync ? -1 : (i - sync) % CODE_BITS;
    }
  }
}
