import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHUNK,
  type ObjectIdentity,
  ObjectCorruptError,
  chunkCount,
  openChunk,
  sealChunk,
  sealedSize,
} from './chunked-cipher.ts';

const key = randomBytes(32);
const id: ObjectIdentity = {
  tenantId: 'acme',
  subjectId: '0198a0aa-0000-7000-8000-000000000001',
  objectId: '0198a0aa-0000-7000-8000-000000000002',
  version: 1,
};

it('opens what it sealed, with the 16 bytes of a tag on top', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(1e9), fc.boolean(), (plain, index, final) => {
      const sealed = sealChunk(key, id, index, final, plain);
      expect(sealed.length).toBe(plain.length + 16);
      expect(openChunk(key, id, index, final, sealed)).toEqual(Buffer.from(plain));
    }),
  );
});

describe('a chunk opens nowhere but in its place', () => {
  const sealed = sealChunk(key, id, 3, false, Buffer.from('a person'));
  it.each([
    ['another tenant', { ...id, tenantId: 'globex' }, 3, false],
    ['another subject', { ...id, subjectId: '0198a0aa-0000-7000-8000-000000000009' }, 3, false],
    ['another object', { ...id, objectId: '0198a0aa-0000-7000-8000-000000000009' }, 3, false],
    ['another version', { ...id, version: 2 }, 3, false],
    ['another position', id, 4, false],
    ['the end of the object', id, 3, true],
  ] as const)('not as %s', (_, identity, index, final) => {
    expect(() => openChunk(key, identity, index, final, sealed)).toThrow(ObjectCorruptError);
  });

  it('not with a flipped bit or a missing byte', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openChunk(key, id, 3, false, changed)).toThrow(ObjectCorruptError);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(() => openChunk(key, id, 3, false, sealed.subarray(0, length))).toThrow(ObjectCorruptError);
  });
});

it('counts chunks and stored bytes, at the borders too', () => {
  expect([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK].map((n) => [chunkCount(n), sealedSize(n) - n])).toEqual([
    [1, 16],
    [1, 16],
    [1, 16],
    [1, 16],
    [2, 32],
    [2, 32],
  ]);
});
