import { KeyStream } from './key-stream.ts';
import { CODE_BITS } from './mark-code.ts';

/** Side of the plane of chips; every picture sees a window of it, centred. */
export const PLANE = 256;
/** Superblock: 26 × 26 chips = 512 code bits + 164 synchronisation chips. */
const SUPERBLOCK = 26;
export const SYNC = -1;

/**
 * Which chip of the plane carries which code bit, with which sign. Keyed, so that nobody without the key can find or imitate it chip by
 * chip.
 */
export class ChipLayout {
  /** Code bit of each chip, or SYNC. */
  readonly bit = new Int16Array(PLANE * PLANE);
  readonly sign = new Int8Array(PLANE * PLANE);

  constructor(key: Uint8Array) {
    const stream = new KeyStream(key, 'assent/watermark/video/layout/1');
    const blocks = Math.ceil(PLANE / SUPERBLOCK);
    for (let by = 0; by < blocks; by++) {
      for (let bx = 0; bx < blocks; bx++) {
        const order = stream.permutation(SUPERBLOCK * SUPERBLOCK);
        for (let k = 0; k < order.length; k++) {
          const x = bx * SUPERBLOCK + (order[k]! % SUPERBLOCK);
          const y = by * SUPERBLOCK + Math.floor(order[k]! / SUPERBLOCK);
          const sign = stream.sign();
          if (x >= PLANE || y >= PLANE) continue;
          this.bit[y * PLANE + x] = k < CODE_BITS ? k : SYNC;
          this.sign[y * PLANE + x] = sign;
        }
      }
    }
  }
}

/**
 * Chips along the short side. 96 is the best compromise at 512 px and above (5 px a chip); a 256 px picture cannot afford 2.7 px
 * chips through H.264, so small pictures use half as many (32 and 64 read back worse). To the detector a small picture is simply
 * one seen at half the scale.
 */
export const chipsPerSide = (width: number, height: number): 96 | 48 => (Math.min(width, height) >= 400 ? 96 : 48);
