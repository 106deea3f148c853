import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AUDIO, AudioLayout } from './audio-layout.ts';
import { ChipLayout, PLANE, SYNC, chipsPerSide } from './chip-layout.ts';
import { KeyStream } from './key-stream.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const digest = (...parts: ArrayBufferView[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part as Uint8Array);
  return hash.digest('hex');
};

describe('keyed layouts', () => {
  it('have not changed: marks of years ago must stay readable', () => {
    const video = new ChipLayout(KEY);
    const audio = new AudioLayout(KEY);
    expect(digest(video.bit, video.sign)).toBe('80ff38138cfa469b0e9eca193b01be11f8a8c3010b2492b81498a59e212f8eb2');
    expect(digest(audio.bit, audio.sign)).toBe('079a8f6685b3388e6751b612503113b5922110125c3dd00f3f95a196f8a576ec');
  });

  it('carry every code bit once and 164 synchronisation chips in each whole superblock', () => {
    const { bit } = new ChipLayout(KEY);
    for (const [bx, by] of [[0, 0], [3, 5], [8, 8]] as const) {
      const seen: number[] = [];
      for (let y = 26 * by; y < 26 * by + 26; y++) for (let x = 26 * bx; x < 26 * bx + 26; x++) seen.push(bit[y * PLANE + x]!);
      expect(seen.filter((b) => b === SYNC)).toHaveLength(164);
      expect(new Set(seen.filter((b) => b !== SYNC)).size).toBe(512);
    }
  }); // prettier-ignore

  it('of two keys have nothing in common', () => {
    const one = new ChipLayout(KEY);
    const other = new ChipLayout(KEY.map((byte, i) => (i === 31 ? byte ^ 1 : byte)));
    const agreement = one.sign.reduce((sum, sign, i) => sum + sign * other.sign[i]!, 0) / Math.sqrt(one.sign.length);
    expect(Math.abs(agreement)).toBeLessThan(4);
    expect(one.bit.filter((bit, i) => bit === other.bit[i]).length / one.bit.length).toBeLessThan(0.08);
  });

  it('of picture and sound under one key are independent streams', () => {
    const a = new KeyStream(KEY, 'assent/watermark/video/layout/1');
    const b = new KeyStream(KEY, 'assent/watermark/audio/layout/1');
    expect(Array.from({ length: 8 }, () => a.uint32())).not.toEqual(Array.from({ length: 8 }, () => b.uint32()));
  });

  it('spread every audio code bit over the block', () => {
    const { bit } = new AudioLayout(KEY);
    const counts = new Int32Array(512);
    for (const b of bit) if (b >= 0) counts[b]!++;
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(Math.floor((0.78 * AUDIO.block * AUDIO.bins) / 512));
  });
});

describe('a key stream', () => {
  it('draws without bias: chi-square of 26,000 draws below 26', () => {
    const stream = new KeyStream(KEY, 'test');
    const counts = new Int32Array(26);
    for (let i = 0; i < 26_000; i++) counts[stream.below(26)]!++;
    const chi = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(53); // 25 degrees of freedom, 99.9 %
  });

  it('permutes: every index once', () => {
    const order = new KeyStream(KEY, 'test').permutation(676);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 676 }, (_, i) => i));
  });
});

describe('size of chips', () => {
  it('is coarser for small pictures', () => {
    expect([[256, 256], [360, 288], [512, 512], [1280, 720], [720, 1280]].map(([w, h]) => chipsPerSide(w!, h!))).toEqual([72, 72, 96, 96, 96]); // prettier-ignore
  });
});
