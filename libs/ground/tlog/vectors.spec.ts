import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#kernel';
import { canonicalJson } from './canonical-json.ts';
import { openCheckpoint, signCheckpoint } from './checkpoint.ts';
import { CompactRange, perfectSubtrees } from './compact-range.ts';
import { leafHash, referenceRoot } from './merkle.ts';
import { NoteError, NoteSigner, openNote, parseVerifierKey } from './signed-note.ts';
import { TileReader, tilesReadBy } from './tiles.ts';
import { inclusionProof } from './proofs.ts';

const CORPORA = join(packageRoot(), '../shared/corpora');
const corpus = (name: string): string => join(CORPORA, name);
const absent = !existsSync(CORPORA);
if (absent) console.log('published vectors (JCS, checkpoints, Ed25519) are skipped: shared/corpora is not beside this checkout');

describe.skipIf(absent)('published vectors', () => {
  it('RFC 8785: gives the canonical bytes of all six documents, and the same again from its own output', () => {
    const names = readdirSync(corpus('jcs/input'));
    expect(names).toHaveLength(6);
    for (const name of names) {
      const expected = readFileSync(join(corpus('jcs/output'), name));
      const made = canonicalJson(JSON.parse(readFileSync(join(corpus('jcs/input'), name), 'utf8')));
      expect(Buffer.from(made), name).toEqual(expected);
      expect(canonicalJson(JSON.parse(made))).toBe(made);
    }
  });

  it('opens the 16 checkpoints of a foreign log and finds their roots from its entries', () => {
    const folder = corpus('tlog-checkpoints/serverless-log');
    const key = readFileSync(join(folder, 'public-key.txt'), 'utf8').trim();
    const leaves = readFileSync(join(folder, 'entries.txt'), 'utf8').trimEnd().split('\n').map((word) => leafHash(Buffer.from(word))); // prettier-ignore
    expect(leaves).toHaveLength(15);
    const range = new CompactRange();
    for (let size = 0; size <= 15; size++) {
      const note = readFileSync(join(folder, `log/checkpoint.${size}`), 'utf8');
      expect(openCheckpoint(note, [key], 'example.com/testdata')).toEqual({
        origin: 'example.com/testdata',
        size,
        root: range.root(),
      });
      if (size < 15) range.append(leaves[size]!);
    }
  });

  it('Ed25519 as OpenSSL does it: on unusual points we say what docs/log-format.md says', () => {
    interface Vector {
      key: string;
      sig: string;
      msg: string;
      flags: string[] | null;
    }
    const vectors = JSON.parse(readFileSync(corpus('ed25519-edge-cases/ed25519vectors.json'), 'utf8')) as Vector[];
    let accepted = 0;
    for (const { key, sig, msg, flags } of vectors) {
      const x = Buffer.from(key, 'hex').toString('base64url');
      let good = false;
      try {
        good = verify(null, Buffer.from(msg), createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }), Buffer.from(sig, 'hex'));
      } catch {
        good = false; // a point that cannot be decoded
      }
      if ((flags ?? []).length === 0) expect(good).toBe(true);
      // Without cofactor: what only holds up to a small factor is refused.
      if (flags?.includes('low_order_residue')) expect(good).toBe(false);
      // R is compared byte by byte with what was computed.
      if (flags?.includes('non_canonical_R')) expect(good).toBe(false);
      if (good && !flags?.includes('non_canonical_A')) accepted++;
    }
    expect([vectors.length, accepted]).toEqual([914, 172]);
  }); // prettier-ignore
});

describe('canonical JSON', () => {
  it('refuses what JSON cannot say', () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { a: ['\udfff'] }, () => 1])
      expect(() => canonicalJson(value)).toThrow(TypeError);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => canonicalJson(cycle)).toThrow(TypeError);
  });
  it('does not depend on the order in which an object was built, and reads back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const text = canonicalJson(object);
        const reversed = Object.fromEntries(Object.entries(object).reverse());
        expect(canonicalJson(reversed)).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 200 },
    );
  });
});

describe('compact range', () => {
  it('has the root of the definition, started anywhere', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (before, more) => {
        const leaves = Array.from({ length: before + more }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));
        const whole = new CompactRange();
        for (const leaf of leaves.slice(0, before)) whole.append(leaf);
        expect(whole.root()).toEqual(referenceRoot(leaves.slice(0, before)));
        const later = CompactRange.of(before, whole.roots);
        for (const leaf of leaves.slice(before)) later.append(leaf);
        expect(later.root()).toEqual(referenceRoot(leaves));
        expect(later.size).toBe(before + more);
      }),
      { numRuns: 60 },
    );
  });
  it('refuses roots that do not fit the size', () => {
    expect(() => CompactRange.of(3, [Buffer.alloc(32)])).toThrow(RangeError);
    expect(() => CompactRange.of(1, [Buffer.alloc(31)])).toThrow(RangeError);
    for (const size of [-1, 0.5, 2 ** 53]) expect(() => CompactRange.of(size, [])).toThrow(RangeError);
    expect(perfectSubtrees(2 ** 40 + 5)).toHaveLength(3);
  });
});

it('a proof in a million entries reads four tiles', () => {
  const places = tilesReadBy(1_000_003, (reader: TileReader) => inclusionProof(reader, 123_456));
  expect(places.length).toBeLessThanOrEqual(6);
  expect(places).toContainEqual({ level: 0, index: 482, width: 256 });
});

describe('notes that are not quite notes', () => {
  const a = new NoteSigner('assent.example/log', Buffer.alloc(32, 7));
  const b = new NoteSigner('assent.example/next', Buffer.alloc(32, 8));
  const note = signCheckpoint({ origin: a.name, size: 3, root: Buffer.alloc(32, 9) }, a);

  it('carry a second signature, and open with either key', () => {
    const both = b.addSignature(note);
    expect(openNote(both, [a.verifierKey]).signers).toEqual([a.name]);
    expect(openNote(both, [b.verifierKey]).signers).toEqual([b.name]);
    expect(openNote(both, [a.verifierKey, b.verifierKey]).signers).toEqual([a.name, b.name]);
    expect(openNote(a.addSignature(both), [a.verifierKey]).signers).toEqual([a.name]);
  });
  it('are refused whole when one line of a known key is bad, even beside a good one', () => {
    const forged = b.addSignature(note).replace(/(next )(.{20})./, '$1$2!');
    expect(() => openNote(forged, [a.verifierKey])).toThrow(NoteError);
    const other = new NoteSigner(b.name, Buffer.alloc(32, 8)).sign('another text\n');
    const line = other.slice(other.indexOf('—'));
    expect(() => openNote(note + line, [a.verifierKey, b.verifierKey])).toThrow(/does not verify/);
    expect(openNote(note + line, [a.verifierKey]).signers).toEqual([a.name]);
  });
  it('have one spelling: no other base64, no control character, no missing newline, no flood of lines', () => {
    expect(() => openNote(note.trimEnd() + '=\n', [a.verifierKey])).toThrow(NoteError);
    expect(() => openNote(note.trimEnd(), [a.verifierKey])).toThrow(NoteError);
    expect(() => openNote(note.replace('\n3\n', '\n3\r\n'), [a.verifierKey])).toThrow(/control/);
    expect(() => a.sign('a\u0000b\n')).toThrow(/control/);
    expect(() => a.sign('\ud800\n')).toThrow(NoteError);
    expect(() => a.sign('no newline')).toThrow(NoteError);
    const line = note.slice(note.indexOf('—'));
    expect(() => openNote(note + line.repeat(100), [a.verifierKey])).toThrow(/more than 100/);
  });
  it('need a key of the right kind and length', () => {
    expect(() => new NoteSigner('a b', Buffer.alloc(32))).toThrow(NoteError);
    expect(() => new NoteSigner('a+b', Buffer.alloc(32))).toThrow(NoteError);
    expect(() => new NoteSigner('ab', Buffer.alloc(31))).toThrow(NoteError);
    expect(() => parseVerifierKey(a.verifierKey.replace('assent', 'bssent'))).toThrow(/hash/);
    expect(() => parseVerifierKey('nonsense')).toThrow(NoteError);
    // y = 2^255 − 19, which OpenSSL would read as y = 0.
    const raw = Buffer.from('01ed' + 'ff'.repeat(30) + '7f', 'hex');
    const hash = createHash('sha256').update('x\n').update(raw).digest('hex').slice(0, 8);
    expect(() => parseVerifierKey(`x+${hash}+${raw.toString('base64')}`)).toThrow(/RFC 8032/);
  });
  it('derive secrets by purpose, of which none is the seed', () => {
    expect(a.secretFor('x')).toEqual(a.secretFor('x'));
    expect(a.secretFor('x')).not.toEqual(a.secretFor('y'));
    expect(a.secretFor('x')).not.toEqual(b.secretFor('x'));
    expect(a.secretFor('x')).not.toEqual(Buffer.alloc(32, 7));
  });
  it('are no checkpoint with a bad size or root', () => {
    const sign = (text: string): string => a.sign(text);
    const root = Buffer.alloc(32).toString('base64');
    for (const text of [`${a.name}\n03\n${root}\n`, `${a.name}\n-1\n${root}\n`, `${a.name}\n9007199254740993\n${root}\n`, `${a.name}\n1\n${root.slice(4)}\n`, `${a.name}\n`])
      expect(() => openCheckpoint(sign(text), [a.verifierKey], a.name), text).toThrow(NoteError); // prettier-ignore
  });
});
