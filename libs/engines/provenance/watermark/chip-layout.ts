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

/** Chips along the short side that pictures may have been marked with: the detector tries both. */
export const CHIPS = [96, 72] as const;

/**
 * Chips along the short side of a picture that is to be marked. 96 (5 px a chip) is the best compromise at 512 px and above. At 256 px
 * 72 (3.6 px) reads best through H.264 and JPEG together: 48 loses a crop to 0.7 of one JPEG, 96 loses CRF 28 (docs/adr/0065).
 */
export const chipsPerSide = (width: number, height: number): (typeof CHIPS)[number] => (Math.min(width, height) >= 400 ? 96 : 72);
