import { createHash } from 'node:crypto';
import { COEFFICIENT_COUNT, COEFFICIENTS } from '#face';
import { describe, expect, it, vi } from 'vitest';
import { swapAt, twoPeople } from './attacks.ts';
import { CAST, castBySeed, FAR_PAIRS } from './cast.ts';
import { type ClipOptions, recordClip, truthTrack } from './clip.ts';
import { renderClipParallel } from './parallel.ts';
import { createPerson } from './person.ts';

// A person takes 3 s of CPU to build, much more on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const SHORT: ClipOptions = { seconds: 2, take: 'footage', size: 128 };
const [first, second] = FAR_PAIRS[0];

describe('the cast', () => {
  it('has at least six adults of both sexes, reviewed by a person', () => {
    expect(CAST.length).toBeGreaterThanOrEqual(6);
    expect(new Set(CAST.map((m) => m.sex))).toEqual(new Set(['female', 'male']));
    for (const member of CAST) {
      expect(member.reviewedAdult).toBe(true);
      expect(Number(member.ageBand.slice(0, 2))).toBeGreaterThanOrEqual(25);
      expect(member.name).toMatch(/^[A-Z][a-z]+$/);
    }
  });

  it('gives every seed the same person again', () => {
    for (const seed of [-7, 0, 1, 5, 6, 1e9]) expect(castBySeed(seed)).toBe(castBySeed(seed));
    expect(new Set(CAST.map((_, seed) => castBySeed(seed).id)).size).toBe(CAST.length);
  });

  it('names far pairs of its own members', () => {
    for (const id of FAR_PAIRS.flat()) expect(CAST.map((m) => m.id)).toContain(id);
  });

  it('refuses a name that it does not have', () => {
    expect(() => createPerson('nobody')).toThrow(/nobody called "nobody"/);
  });
});

describe('a clip', () => {
  it('draws the same bytes again, in any order, and others for another person or take', () => {
    const clip = recordClip(createPerson(first), SHORT);
    const late = hash(clip.frameAt(30).rgb);
    const early = hash(clip.frameAt(0).rgb);
    expect(hash(recordClip(createPerson(first), SHORT).frameAt(30).rgb)).toBe(late);
    expect(early).not.toBe(late);
    expect(hash(recordClip(createPerson(first), { ...SHORT, take: 'consent' }).frameAt(30).rgb)).not.toBe(late);
    expect(hash(recordClip(createPerson(second), SHORT).frameAt(30).rgb)).not.toBe(late);
  });

  it('closes the lids fully at least three times, also in a clip of two seconds', () => {
    const lids = truthTrack(recordClip(createPerson(first), SHORT)).map((truth) => truth.lidGap);
    const open = Math.max(...lids);
    const blinks = lids.filter((gap, i) => gap < 0.3 * open && (i === 0 || lids[i - 1] >= 0.3 * open));
    expect(blinks.length).toBeGreaterThanOrEqual(3);
  });

  it('turns, nods, speaks, smiles and looks around in its truth', () => {
    const track = truthTrack(recordClip(createPerson(first), { ...SHORT, seconds: 20 }));
    const range = (values: number[]): number => Math.max(...values) - Math.min(...values);
    const degrees = 180 / Math.PI;
    expect(range(track.map((t) => t.pose.yaw * degrees))).toBeGreaterThan(34);
    expect(range(track.map((t) => t.pose.pitch * degrees))).toBeGreaterThan(12);
    expect(range(track.map((t) => t.lipGap))).toBeGreaterThan(6);
    expect(range(track.map((t) => t.gaze.yaw * degrees))).toBeGreaterThan(15);
    const smile = COEFFICIENTS.indexOf('mouthSmileLeft');
    expect(range(track.map((t) => t.coefficients[smile]))).toBeGreaterThan(0.3);
    for (const { coefficients } of track) {
      expect(coefficients).toHaveLength(COEFFICIENT_COUNT);
      expect(coefficients.every((v) => v >= 0 && v <= 1)).toBe(true);
    }
  });

  it('has a voice as long as its pictures, silent where nothing is said', () => {
    const clip = recordClip(createPerson(first), { ...SHORT, words: ['4', '7'] });
    const { sampleRate, samples } = clip.audio();
    expect(samples).toHaveLength(2 * sampleRate);
    const [four] = clip.speech.words;
    const power = (from: number, to: number): number => {
      const part = samples.subarray(from * sampleRate, to * sampleRate);
      return Math.sqrt(part.reduce((sum, v) => sum + v * v, 0) / part.length);
    };
    expect(clip.speech.words.map((w) => w.word)).toEqual(['4', '7']);
    expect(power(four.from + 0.1, four.to)).toBeGreaterThan(20 * power(0.05, 0.4));
  });

  it('is drawn by worker threads in order with the same bytes', async () => {
    const options: ClipOptions = { ...SHORT, seconds: 0.32 };
    const clip = recordClip(createPerson(first), options);
    const seen: string[] = [];
    for await (const frame of renderClipParallel(clip.spec, { threads: 2 })) seen.push(hash(frame.data));
    expect(seen).toEqual([...clip.frames()].map((frame) => hash(frame.rgb)));
  });
});

describe('attacks', () => {
  it('swaps the face at a time and not before', () => {
    const [a, b] = [first, second].map((id) => recordClip(createPerson(id), SHORT));
    const swapped = swapAt(a, b, 1);
    expect(hash(swapped.frameAt(24).rgb)).toBe(hash(a.frameAt(24).rgb));
    expect(hash(swapped.frameAt(25).rgb)).not.toBe(hash(a.frameAt(25).rgb));
  });

  it('puts two people side by side', () => {
    const [a, b] = [first, second].map((id) => recordClip(createPerson(id), SHORT));
    const both = twoPeople(a, b).frameAt(0);
    expect(both.truth.landmarks[2]).toBeLessThan(64);
    expect(hash(both.rgb)).not.toBe(hash(a.frameAt(0).rgb));
  });
});
