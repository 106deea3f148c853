import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './merkle.ts';

/**
 * The first `size` entries of a log as the roots of their perfect subtrees, largest first: one hash per set bit of `size`. Enough to
 * append and to know the root, so that a verifier goes through a million lines with at most 53 hashes in memory, and a bundle that
 * starts in the middle of a log needs nothing else of what came before.
 */
export class CompactRange {
  #size = 0;
  readonly #roots: Buffer[] = [];

  get size(): number {
    return this.#size;
  }
  get roots(): readonly Buffer[] {
    return this.#roots;
  }

  /** @throws RangeError when `roots` is not one hash per set bit of `size`. */
  static of(size: number, roots: readonly Uint8Array[]): CompactRange {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is not the size of a log`);
    if (roots.length !== perfectSubtrees(size).length || roots.some((root) => root.length !== HASH_BYTES))
      throw new RangeError(`a log of ${size} entries has ${perfectSubtrees(size).length} perfect subtrees`);
    const range = new CompactRange();
    range.#size = size;
    range.#roots.push(...roots.map((root) => Buffer.from(root)));
    return range;
  }

  /** Invariant: a set bit of `size` is one root; adding one carries like binary addition, two equal subtrees becoming one. */
  append(leaf: Uint8Array): void {
    let carried: Buffer = Buffer.from(leaf);
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) carried = nodeHash(this.#roots.pop()!, carried);
    this.#roots.push(carried);
    this.#size++;
  }

  root(): Buffer {
    let root: Buffer | undefined;
    for (let i = this.#roots.length - 1; i >= 0; i--) root = root ? nodeHash(this.#roots[i]!, root) : this.#roots[i]!;
    return root ?? EMPTY_ROOT;
  }
}

/** Where the perfect subtrees of the first `size` entries lie, largest first. */
export function perfectSubtrees(size: number): { from: number; to: number }[] {
  const parts: { from: number; to: number }[] = [];
  let power = 1;
  while (power * 2 <= size) power *= 2;
  for (let from = 0; from < size; power /= 2) {
    if (from + power > size) continue;
    parts.push({ from, to: from + power });
    from += power;
  }
  return parts;
}
