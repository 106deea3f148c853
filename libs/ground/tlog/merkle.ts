import { createHash, hash } from 'node:crypto';

export const HASH_BYTES = 32;

/** One call into OpenSSL: 0.9 µs for 500 bytes, against 1.6 µs through a streaming hash object. */
const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

/** Root of the empty tree: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = sha256(new Uint8Array(0));

// RFC 6962 §2.1: leaf = H(0x00 ‖ entry), node = H(0x01 ‖ left ‖ right), so that neither can be taken for the other.
const LEAF = Uint8Array.of(0);
const leafInput = Buffer.alloc(1 + 65_535);
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeInput[0] = 1;

export function leafHash(entry: Uint8Array): Buffer {
  if (entry.length >= leafInput.length) return createHash('sha256').update(LEAF).update(entry).digest();
  leafInput.set(entry, 1);
  return sha256(leafInput.subarray(0, entry.length + 1));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** Root of `count` (a power of two) hashes that lie side by side in `hashes`. */
export function perfectRoot(hashes: Uint8Array, offset: number, count: number): Buffer {
  if (count === 1) return Buffer.from(hashes.subarray(offset, offset + HASH_BYTES));
  const half = count / 2;
  return nodeHash(perfectRoot(hashes, offset, half), perfectRoot(hashes, offset + half * HASH_BYTES, half));
}

/** Largest power of two below `n` (n > 1): where RFC 6962 splits a tree. */
export function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

export const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));

/** Root of a list of leaf hashes by the definition itself: slow and plain, what everything else here is tested against. */
export function referenceRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return Buffer.from(leaves[0]!);
  const k = splitPoint(leaves.length);
  return nodeHash(referenceRoot(leaves.slice(0, k)), referenceRoot(leaves.slice(k)));
}
