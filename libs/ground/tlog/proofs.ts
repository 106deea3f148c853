import { timingSafeEqual } from 'node:crypto';
import { HASH_BYTES, isPowerOfTwo, nodeHash, splitPoint } from './merkle.ts';
import { perfectSubtrees } from './compact-range.ts';
import type { TileReader } from './tiles.ts';

/** PATH(m, D[n]) of RFC 6962 §2.1.1. */
export function inclusionProof(reader: TileReader, index: number, size = reader.size): Buffer[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || size > reader.size)
    throw new RangeError(`entry ${index} is not in a tree of ${size}`);
  const path = (from: number, to: number): Buffer[] => {
    if (to - from === 1) return [];
    const middle = from + splitPoint(to - from);
    return index < middle ? [...path(from, middle), reader.range(middle, to)] : [...path(middle, to), reader.range(from, middle)];
  };
  return path(0, size);
}

/** PROOF(m, D[n]) of RFC 6962 §2.1.2; empty for m = 0 and m = n. */
export function consistencyProof(reader: TileReader, oldSize: number, size = reader.size): Buffer[] {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > size || size > reader.size)
    throw new RangeError(`a tree of ${size} does not continue one of ${oldSize}`);
  if (oldSize === 0 || oldSize === size) return [];
  const proof = (m: number, from: number, to: number, whole: boolean): Buffer[] => {
    const n = to - from;
    if (m === n) return whole ? [] : [reader.range(from, to)];
    const k = splitPoint(n);
    return m <= k
      ? [...proof(m, from, from + k, whole), reader.range(from + k, to)]
      : [...proof(m - k, from + k, to, false), reader.range(from, from + k)];
  };
  return proof(oldSize, 0, size, true);
}

/** Roots of the perfect subtrees of the first `size` entries: what a verifier needs of a log's beginning to go on from there. */
export const prefixRoots = (reader: TileReader, size: number): Buffer[] =>
  perfectSubtrees(size).map(({ from, to }) => reader.range(from, to));

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
const isIndex = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
/** Without this an empty leaf hash equals an empty root, and a tree of one entry would hold anything. */
const wellFormed = (hashes: readonly Uint8Array[]): boolean => hashes.every((hash) => hash.length === HASH_BYTES);

/** RFC 9162 §2.1.3.2, word by word; shares no code with the prover above. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size || !wellFormed([leaf, root, ...proof])) return false;
  let fn = BigInt(index);
  let sn = BigInt(size - 1);
  let r: Uint8Array = leaf;
  for (const p of proof) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = nodeHash(p, r);
      if ((fn & 1n) === 0n) {
        while ((fn & 1n) === 0n && fn !== 0n) {
          fn >>= 1n;
          sn >>= 1n;
        }
      }
    } else r = nodeHash(r, p);
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(r, root);
}

/** RFC 9162 §2.1.4.2. An old size of 0 proves nothing and is refused. */
export function verifyConsistency(
  oldSize: number,
  size: number,
  proof: readonly Uint8Array[],
  oldRoot: Uint8Array,
  root: Uint8Array,
): boolean {
  if (!isIndex(oldSize) || !isIndex(size) || oldSize === 0 || oldSize > size) return false;
  // Equal sizes: nothing is hashed, so the roots only have to be the same.
  if (oldSize === size) return proof.length === 0 && equal(oldRoot, root);
  if (proof.length === 0 || !wellFormed([oldRoot, root, ...proof])) return false;
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  let fn = BigInt(oldSize - 1);
  let sn = BigInt(size - 1);
  while ((fn & 1n) === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let fr = path[0]!;
  let sr = path[0]!;
  for (const c of path.slice(1)) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else sr = nodeHash(sr, c);
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(fr, oldRoot) && equal(sr, root);
}
