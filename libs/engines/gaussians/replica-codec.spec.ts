import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidReplicaError } from './gaussians.errors.ts';
import { asHalf, fromHalf, toHalf } from './half-float.ts';
import { createRenderer } from './renderer.ts';
import { decodeReplica, encodeReplica } from './replica-codec.ts';
import { smallReplica } from './small-replica.ts';
import { neutralDrive } from '#face';

const bytes = encodeReplica(smallReplica());
const refused = (input: Uint8Array): boolean => {
  try {
    decodeReplica(input);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidReplicaError);
    return true;
  }
};
/** Signs whatever was done to the bytes, as an attacker can: the digest protects against accidents only. */
function resealed(change: (copy: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy, new DataView(copy.buffer));
  copy.set(createHash('sha256').update(copy.subarray(0, -32)).digest(), copy.length - 32);
  return copy;
}
const headerLength = new DataView(bytes.buffer).getUint32(8, true);
const baseAt = (12 + headerLength + 3) & ~3;
/** Replaces the header and seals again. */
function withHeader(
  edit: (header: {
    manifest: Record<string, unknown>;
    rig: { columns: { name: string; scale: number }[] };
    blocks: { count: number; columns: string[] }[];
  }) => void,
): Uint8Array {
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + headerLength))) as Parameters<typeof edit>[0];
  edit(header);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const body = bytes.subarray(baseAt, bytes.length - 32);
  const start = (12 + json.length + 3) & ~3;
  const out = new Uint8Array(start + body.length + 32);
  out.set(bytes.subarray(0, 12));
  new DataView(out.buffer).setUint32(8, json.length, true);
  out.set(json, 12);
  out.set(body, start);
  out.set(createHash('sha256').update(out.subarray(0, -32)).digest(), out.length - 32);
  return out;
}

describe('replica container', () => {
  it('comes back as it was, and gives the same bytes and picture again', () => {
    const back = decodeReplica(bytes);
    expect(back).toEqual(smallReplica());
    expect(encodeReplica(back)).toEqual(bytes);
    const drive = neutralDrive({ scale: 0.4 });
    drive.coefficients[24] = 0.3;
    expect(createRenderer(back).render(drive)).toEqual(createRenderer(smallReplica()).render(drive));
  });

  it('has bytes that do not change from run to run', () => {
    expect(createHash('sha256').update(encodeReplica(smallReplica())).digest('hex')).toBe(
      createHash('sha256').update(bytes).digest('hex'),
    );
  });

  it('refuses every truncation and every changed byte', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (n) => refused(bytes.subarray(0, n))),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, x) => {
        const copy = bytes.slice();
        copy[at] = copy[at]! ^ x;
        return refused(copy);
      }),
      { numRuns: 150 },
    );
  });

  it('refuses noise with a good beginning, and never throws anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, magic) => {
        const input = magic ? Uint8Array.from([...bytes.subarray(0, 12), ...noise]) : noise;
        return refused(input);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a header whose counts would ask for more than the file holds', () => {
    expect(refused(withHeader(({ manifest }) => (manifest['splats'] = 150_000)))).toBe(true);
    expect(refused(withHeader(({ manifest }) => (manifest['splats'] = 1e12)))).toBe(true);
    expect(refused(withHeader(({ manifest }) => (manifest['size'] = 1020)))).toBe(true);
    expect(refused(withHeader(({ blocks }) => (blocks[0]!.count += 1)))).toBe(true);
    expect(refused(resealed((_, view) => view.setUint32(8, 0xffffffff, true)))).toBe(true);
  });

  it('refuses names that no engine knows, and scales that would divide by nothing', () => {
    expect(refused(withHeader((header) => (header.rig.columns[0]!.name = 'latent0')))).toBe(true);
    expect(refused(withHeader((header) => (header.blocks[0]!.columns[0] = 'latent0')))).toBe(true);
    expect(refused(withHeader((header) => (header.rig.columns[0]!.scale = 0)))).toBe(true);
    expect(refused(withHeader(() => undefined))).toBe(false);
  });

  it('refuses numbers that are none, wherever they are', () => {
    expect(refused(resealed((_, view) => view.setFloat32(baseAt, NaN, true)))).toBe(true);
    expect(refused(resealed((_, view) => view.setFloat32(baseAt + 64, Infinity, true)))).toBe(true);
    const plate = 3 * 32 * 32;
    expect(refused(resealed((copy, view) => view.setUint16(copy.length - 32 - plate - 4, 0x7e00, true)))).toBe(true);
  });

  it('refuses another version', () => {
    expect(refused(resealed((_, view) => view.setUint32(4, 2, true)))).toBe(true);
  });
});

describe('half floats', () => {
  it('are the nearest of 16 bits', () => {
    expect([0, 1, -2, 65504, 2 ** -24, 1e9, 0.1].map(asHalf)).toEqual([0, 1, -2, 65504, 2 ** -24, 65504, 0.0999755859375]);
    for (let h = 0; h < 0x7c00; h += 7) expect(toHalf(fromHalf(h))).toBe(h);
  });

  it('err by at most half a step', () => {
    fc.assert(
      fc.property(fc.double({ min: -60000, max: 60000, noNaN: true }), (v) => {
        const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(v) || 1)) - 10));
        return Math.abs(asHalf(v) - v) <= step / 2 + Math.abs(v) * 1e-7;
      }),
    );
  });
});
