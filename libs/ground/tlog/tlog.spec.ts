import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#kernel';
import { openCheckpoint, signCheckpoint } from './checkpoint.ts';
import { leafHash, referenceRoot } from './merkle.ts';
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './proofs.ts';
import { NoteSigner, openNote } from './signed-note.ts';
import { Frontier, type Tile, TileReader, type TileSource, tilePath } from './tiles.ts';

const VECTORS = join(packageRoot(), '../shared/corpora/merkle-proofs');

/** Appends in the given batches and keeps every tile, as the sequencer does. */
function build(leaves: Buffer[], batches: number[]): { frontier: Frontier; source: TileSource } {
  const tiles = new Map<string, Buffer>();
  let frontier = new Frontier();
  const source: TileSource = (level, index, width) =>
    tiles.get(`${level}/${index}/${width}`) ?? tiles.get(`${level}/${index}/256`);
  const keep = (made: Tile[]): void =>
    made.forEach((tile) => void tiles.set(`${tile.level}/${tile.index}/${tile.width}`, tile.hashes));
  let at = 0;
  for (const batch of batches) {
    keep(frontier.append(leaves.slice(at, at + batch)));
    at += batch;
    frontier = Frontier.from(frontier.size, source); // as after a restart
  }
  keep(frontier.append(leaves.slice(at)));
  return { frontier, source };
}
const entries = (n: number): Buffer[] => Array.from({ length: n }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));

describe('RFC 6962 tree', () => {
  // The eight leaves and roots that certificate-transparency implementations share.
  const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const ROOTS = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  it('has the published roots of one to eight leaves', () => {
    LEAVES.forEach((_, i) => {
      const leaves = LEAVES.slice(0, i + 1).map((hex) => leafHash(Buffer.from(hex, 'hex')));
      expect(build(leaves, []).frontier.root().toString('hex')).toBe(ROOTS[i]);
    });
  });

  it('gives the root of the definition for any size, however it was batched and restarted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1200 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 4 }),
        (n, batches) => {
          const leaves = entries(n);
          expect(build(leaves, batches).frontier.root()).toEqual(referenceRoot(leaves));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('proves inclusion and consistency for random trees; a flipped bit is refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat(), fc.nat(), (n, i, m, bit) => {
        const leaves = entries(n);
        const { source, frontier } = build(leaves, []);
        const reader = new TileReader(n, source);
        const root = frontier.root();
        const index = i % n;
        const proof = inclusionProof(reader, index);
        expect(verifyInclusion(leaves[index]!, index, n, proof, root)).toBe(true);
        const old = 1 + (m % n);
        const oldRoot = reader.range(0, old);
        const path = consistencyProof(reader, old);
        expect(verifyConsistency(old, n, path, oldRoot, root)).toBe(true);
        const flip = (hashes: Buffer[]): Buffer[] => {
          const copy = hashes.map((hash) => Buffer.from(hash));
          const byte = bit % (copy.length * 32);
          copy[Math.floor(byte / 32)]![byte % 32]! ^= 1 << (bit % 8);
          return copy;
        };
        if (proof.length > 0) expect(verifyInclusion(leaves[index]!, index, n, flip(proof), root)).toBe(false);
        if (path.length > 0) expect(verifyConsistency(old, n, flip(path), oldRoot, root)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  it('names tiles as C2SP tlog-tiles does', () => {
    expect(tilePath(0, 1234067, 256)).toBe('tile/0/x001/x234/067');
    expect(tilePath(3, 5, 17)).toBe('tile/3/005.p/17');
  });
});

describe.skipIf(!existsSync(VECTORS))('transparency-dev vectors (skipped where shared/corpora is absent)', () => {
  const read = (kind: string): [string, Record<string, unknown>][] =>
    readdirSync(join(VECTORS, kind), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => [name, JSON.parse(readFileSync(join(VECTORS, kind, name), 'utf8')) as Record<string, unknown>]);
  const hash = (value: unknown): Buffer => Buffer.from((value as string | null) ?? '', 'base64');
  const list = (value: unknown): Buffer[] => ((value as string[] | null) ?? []).map(hash);

  it('agrees on every inclusion vector', () => {
    for (const [name, v] of read('inclusion')) {
      const ok = verifyInclusion(
        hash(v['leafHash']),
        Number(v['leafIdx']),
        Number(v['treeSize']),
        list(v['proof']),
        hash(v['root']),
      );
      expect(ok, name).toBe(!v['wantErr']);
    }
  });
  it('agrees on every consistency vector', () => {
    for (const [name, v] of read('consistency')) {
      const ok = verifyConsistency(Number(v['size1']), Number(v['size2']), list(v['proof']), hash(v['root1']), hash(v['root2']));
      expect(ok, name).toBe(!v['wantErr']);
    }
  });
});

describe('signed notes', () => {
  const signer = new NoteSigner('assent.example/log', Buffer.alloc(32, 7));

  it('round trips a checkpoint', () => {
    const note = signCheckpoint({ origin: 'assent.example/log', size: 3, root: Buffer.alloc(32, 9) }, signer);
    expect(openCheckpoint(note, [signer.verifierKey], 'assent.example/log')).toEqual({
      origin: 'assent.example/log',
      size: 3,
      root: Buffer.alloc(32, 9),
    });
  });
  it('opens the example of the Go note package, which we did not sign', () => {
    const note =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    expect(openNote(note, ['PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW']).signers).toEqual([
      'PeterNeumann',
    ]);
  });
  it('refuses a changed text, a foreign key and another log', () => {
    const note = signCheckpoint({ origin: 'assent.example/log', size: 3, root: Buffer.alloc(32, 9) }, signer);
    expect(() => openCheckpoint(note.replace('\n3\n', '\n4\n'), [signer.verifierKey], 'assent.example/log')).toThrow(
      /does not verify/,
    );
    const other = new NoteSigner('assent.example/log', Buffer.alloc(32, 8));
    expect(() => openCheckpoint(note, [other.verifierKey], 'assent.example/log')).toThrow(/no signature by a known key/);
    expect(() => openCheckpoint(note, [signer.verifierKey], 'other.example')).toThrow(/another log/);
  });
});
