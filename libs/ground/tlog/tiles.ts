import { EMPTY_ROOT, HASH_BYTES, isPowerOfTwo, nodeHash, perfectRoot, splitPoint } from './merkle.ts';

/** C2SP tlog-tiles: 256 hashes to a tile; level L holds roots of subtrees of 256^L entries. */
export const TILE_WIDTH = 256;

/** One tile of `width` (1..256) hashes at `level`, number `index`. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
  readonly hashes: Buffer;
}

/** Gives at least `width` hashes of a tile, or undefined when it is not there. */
export type TileSource = (level: number, index: number, width: number) => Buffer | undefined;

export class TileMissingError extends Error {}

/** `tile/<level>/x001/x234/067[.p/<width>]` as in the specification. */
export function tilePath(level: number, index: number, width: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

interface Level {
  index: number;
  width: number;
  readonly hashes: Buffer;
}

/** The right edge of the tree: all that is needed to append and to know the root. */
export class Frontier {
  #size = 0;
  readonly #levels: Level[] = [];

  get size(): number {
    return this.#size;
  }

  /** Reads the right edge of a tree of `size` entries. @throws TileMissingError */
  static from(size: number, source: TileSource): Frontier {
    const frontier = new Frontier();
    frontier.#size = size;
    for (let level = 0, below = size; below > 0; level++, below = Math.floor(below / TILE_WIDTH)) {
      const index = Math.floor(below / TILE_WIDTH);
      const width = below % TILE_WIDTH;
      const hashes = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
      if (width > 0) {
        const tile = source(level, index, width);
        if (!tile || tile.length < width * HASH_BYTES) throw new TileMissingError(tilePath(level, index, width));
        tile.copy(hashes, 0, 0, width * HASH_BYTES);
      }
      frontier.#levels.push({ index, width, hashes });
    }
    return frontier;
  }

  /** Appends leaf hashes and returns every tile that is new or wider than before. */
  append(leaves: readonly Uint8Array[]): Tile[] {
    const full: Tile[] = [];
    const touched = new Set<number>();
    for (const leaf of leaves) this.#push(0, leaf, full, touched);
    this.#size += leaves.length;
    const partial = [...touched].flatMap((level) => {
      const { index, width, hashes } = this.#levels[level]!;
      return width > 0 ? [{ level, index, width, hashes: Buffer.from(hashes.subarray(0, width * HASH_BYTES)) }] : [];
    });
    return [...full, ...partial];
  }

  root(): Buffer {
    let root: Buffer | undefined;
    // Lower levels are the right-hand side; inside one, the perfect subtrees are its set bits, smallest at the right.
    for (const { width, hashes } of this.#levels) {
      let end = width;
      for (let bit = 1; bit < TILE_WIDTH; bit *= 2) {
        if ((width & bit) === 0) continue;
        end -= bit;
        const subtree = perfectRoot(hashes, end * HASH_BYTES, bit);
        root = root ? nodeHash(subtree, root) : subtree;
      }
    }
    return root ?? EMPTY_ROOT;
  }

  #push(level: number, hash: Uint8Array, full: Tile[], touched: Set<number>): void {
    const at = (this.#levels[level] ??= { index: 0, width: 0, hashes: Buffer.alloc(TILE_WIDTH * HASH_BYTES) });
    at.hashes.set(hash, at.width * HASH_BYTES);
    at.width++;
    touched.add(level);
    if (at.width < TILE_WIDTH) return;
    const hashes = Buffer.from(at.hashes);
    full.push({ level, index: at.index, width: TILE_WIDTH, hashes });
    at.index++;
    at.width = 0;
    this.#push(level + 1, perfectRoot(hashes, 0, TILE_WIDTH), full, touched);
  }
}

/** Where a tile lies, and how many of its hashes a tree of some size has. */
export type TilePlace = Pick<Tile, 'level' | 'index' | 'width'>;

/**
 * Which tiles `work` will read, found by letting it run over tiles of zeros: a proof knows its path before it knows a hash. A reader
 * then fetches them with one question instead of all tiles (33 MB per million entries) or one question each.
 */
export function tilesReadBy(size: number, work: (reader: TileReader) => unknown): TilePlace[] {
  const places = new Map<string, TilePlace>();
  const zeros = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  work(
    new TileReader(size, (level, index, width) => {
      places.set(`${level}/${index}`, { level, index, width });
      return zeros;
    }),
  );
  return [...places.values()];
}

/** The right edge of a tree of `size`: what `Frontier.from` reads. */
export function edgeTiles(size: number): TilePlace[] {
  const edge: TilePlace[] = [];
  for (let level = 0, below = size; below > 0; level++, below = Math.floor(below / TILE_WIDTH)) {
    const width = below % TILE_WIDTH;
    if (width > 0) edge.push({ level, index: Math.floor(below / TILE_WIDTH), width });
  }
  return edge;
}

/** Hashes of any subtree, read from tiles: what proofs are made of. */
export class TileReader {
  constructor(
    readonly size: number,
    private readonly source: TileSource,
  ) {}

  /** MTH(D[from:to]) of RFC 6962, where the range lies on the tree's own splits. */
  range(from: number, to: number): Buffer {
    const n = to - from;
    if (n === 0) return EMPTY_ROOT;
    if (isPowerOfTwo(n) && from % n === 0) return this.#perfect(from, n);
    const k = splitPoint(n);
    return nodeHash(this.range(from, from + k), this.range(from + k, to));
  }

  #perfect(from: number, count: number): Buffer {
    const level = Math.floor(Math.log2(count) / 8);
    const span = TILE_WIDTH ** level;
    const first = from / span;
    const width = count / span;
    const index = Math.floor(first / TILE_WIDTH);
    const offset = first % TILE_WIDTH;
    const available = Math.min(TILE_WIDTH, Math.floor(this.size / span) - index * TILE_WIDTH);
    const tile = this.source(level, index, available);
    if (!tile || tile.length < (offset + width) * HASH_BYTES) throw new TileMissingError(tilePath(level, index, available));
    return perfectRoot(tile, offset * HASH_BYTES, width);
  }
}
