import { randomBytes } from 'node:crypto';
import { PolarCode } from './polar.ts';

/** Bits of a codeword: 64-bit id + CRC-16 through a (512, 80) polar code. */
export const CODE_BITS = 512;
const code = new PolarCode(CODE_BITS, 80);

/** A watermark id: 64 random bits as 16 hex digits. It points at a registry row and says nothing by itself. */
export const newMarkId = (): string => randomBytes(8).toString('hex');

/** +1 for a 0 bit, −1 for a 1 bit. */
export function codewordOf(id: string): Int8Array {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new RangeError('a watermark id is 16 hex digits');
  const bits = Uint8Array.from({ length: 64 }, (_, i) => (parseInt(id[i >> 2]!, 16) >> (3 - (i & 3))) & 1);
  return Int8Array.from(code.encode(bits), (bit) => (bit === 1 ? -1 : 1));
}

/** Soft code bits (positive: 0) → id, or undefined when no candidate's CRC holds. */
export function decodeId(soft: Float64Array): string | undefined {
  const bits = code.decode(soft);
  if (!bits) return undefined;
  return Array.from({ length: 16 }, (_, i) =>
    (bits[4 * i]! * 8 + bits[4 * i + 1]! * 4 + bits[4 * i + 2]! * 2 + bits[4 * i + 3]!).toString(16),
  ).join('');
}
