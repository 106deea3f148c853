import { createHash } from 'node:crypto';

/** RFC 6962 §2.1 hashing: a leaf and a node can never be taken for each other. */
const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const HASH_BYTES = 32;
/** Root of the empty tree: SHA-256 of nothing. */
export const EMPTY_ROOT: Buffer = sha256();
export const leafHash = (entry: Uint8Array): Buffer => sha256(LEAF, entry);
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(NODE, left, right);

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

/** Root of a list of entries by the definition itself: slow and plain, what the tiles are tested against. */
export function referenceRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return Buffer.from(leaves[0]!);
  const k = splitPoint(leaves.length);
  return nodeHash(referenceRoot(leaves.slice(0, k)), referenceRoot(leaves.slice(k)));
}
