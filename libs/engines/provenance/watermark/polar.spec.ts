import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uniform } from './drawn-clip.fixture.ts';
import { codewordOf, decodeId, newMarkId } from './mark-code.ts';
import { PolarCode, crc16 } from './polar.ts';

const code = new PolarCode(512, 80);
const payload = fc.uint8Array({ minLength: 64, maxLength: 64, max: 1 });

/** Standard normal numbers from a seed (Box and Muller). */
function normal(seed: number): () => number {
  const random = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The code word as the receiver hears it: Eb/N0 in dB per payload bit. */
function heard(bits: Uint8Array, decibels: number, seed: number): Float64Array {
  const noise = normal(seed);
  const deviation = Math.sqrt(512 / 64 / 2 / 10 ** (decibels / 10));
  return Float64Array.from(code.encode(bits), (bit) => (1 - 2 * bit + deviation * noise()) * (2 / deviation ** 2));
}

describe('CRC-16', () => {
  it('is CRC-16/CCITT-FALSE: check value 29B1', () => {
    const bits = Uint8Array.from('123456789', (c) => c.charCodeAt(0)).reduce<number[]>(
      (list, byte) => [...list, ...Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1)],
      [],
    );
    expect(crc16(Uint8Array.from(bits)).toString(16)).toBe('29b1');
  });
});

describe('polar (512, 80)', () => {
  it('has not changed: published marks must stay readable', () => {
    const word = codewordOf('0123456789abcdef');
    const hex = Array.from({ length: 128 }, (_, i) => [0, 1, 2, 3].reduce((n, k) => 2 * n + (word[4 * i + k] === -1 ? 1 : 0), 0).toString(16)).join(''); // prettier-ignore
    expect(hex).toBe(
      '54bd4b1956d9e3d74993a9c84bf70106eff9f05d1262a76cf2d7128c0f4c45bd54bd4b1956d9e3d74993a9c84bf70106eff9f05d1262a76cf2d7128c0f4c45bd',
    );
  });

  it('returns every payload that nothing disturbed', () => {
    fc.assert(
      fc.property(payload, (bits) => {
        expect(code.decode(Float64Array.from(code.encode(bits), (bit) => 1 - 2 * bit))).toEqual(bits);
      }),
      { numRuns: 60 },
    );
  });

  it('corrects what is left of a worn mark: random payloads at Eb/N0 3.5 dB', () => {
    fc.assert(
      fc.property(payload, fc.integer(), (bits, seed) => {
        expect(code.decode(heard(bits, 3.5, seed))).toEqual(bits);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('loses most payloads at −3 dB and names a wrong one almost never', () => {
    let right = 0;
    let wrong = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = uniform(seed);
      const bits = Uint8Array.from({ length: 64 }, () => (random() < 0.5 ? 0 : 1));
      const decoded = code.decode(heard(bits, -3, seed + 1000));
      if (decoded?.every((bit, i) => bit === bits[i])) right++;
      else if (decoded) wrong++;
    }
    expect(right).toBeLessThan(30);
    expect(wrong).toBeLessThanOrEqual(1);
  });

  it('accepts pure noise about once in 4,096 decodes: the check sum alone is no evidence', () => {
    // A list of 16 and 16 check bits: 16 / 65,536. Here 300 seeded decodes, expected 0.07.
    const noise = normal(7);
    let accepted = 0;
    for (let i = 0; i < 300; i++) if (code.decode(Float64Array.from({ length: 512 }, noise))) accepted++;
    expect(accepted).toBeLessThanOrEqual(2);
  });
});

describe('watermark ids', () => {
  it('are 16 random hex digits that come back from their code word', () => {
    const ids = Array.from({ length: 20 }, newMarkId);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(decodeId(Float64Array.from(codewordOf(id)))).toBe(id);
  });

  it('refuse anything else', () => {
    for (const id of ['', '0123456789ABCDEF', '0123456789abcde', '0123456789abcdeg', '0123456789abcdef0'])
      expect(() => codewordOf(id)).toThrow(RangeError);
  });
});
