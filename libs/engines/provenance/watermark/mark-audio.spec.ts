import { describe, expect, it } from 'vitest';
import { CAST, clipOf } from '#synthetic';
import { Attacks } from './attacks.fixture.ts';
import { LEAST_AUDIBLE_SECONDS, audibleSeconds } from './audible.ts';
import { AUDIO } from './audio-layout.ts';
import { detectAudioMark } from './detect-audio.ts';
import { markAudio } from './mark-audio.ts';

const KEYS = [{ kid: 'wm-1', key: new Uint8Array(32).fill(5) }];
const ID = '8f2a6c01d45e9b73';
const missing = Attacks.missing();
if (missing !== undefined) console.warn(`codecs in mark-audio.spec.ts are skipped: ${missing}`);

/** The demo subject's voice at 48 kHz (its own rate is a third of that: straight lines between its samples will do). */
function voice(seconds: number): Float32Array {
  const { samples, sampleRate } = clipOf({ castId: CAST[0]!.id, seconds, size: 64, take: 'footage' }).audio();
  return Float32Array.from({ length: seconds * AUDIO.sampleRate }, (_, i) => {
    const at = (i * sampleRate) / AUDIO.sampleRate;
    const left = Math.min(samples.length - 1, Math.floor(at));
    return samples[left]! + (samples[Math.min(samples.length - 1, left + 1)]! - samples[left]!) * (at - left);
  });
}

describe('marking a voice', () => {
  const speech = voice(10);

  it('changes it by 22 to 25 dB less than it is loud, and not its length', () => {
    const marked = markAudio(speech, KEYS[0]!.key, ID);
    let power = 0;
    let change = 0;
    for (let i = 0; i < speech.length; i++) {
      power += speech[i]! ** 2;
      change += (marked[i]! - speech[i]!) ** 2;
    }
    const decibels = 10 * Math.log10(power / change);
    expect(marked).toHaveLength(speech.length);
    expect(decibels).toBeGreaterThan(22);
    expect(decibels).toBeLessThan(25);
  });

  it('leaves silence silent: nothing is marked, and the report and the caller can know it', () => {
    const silence = new Float32Array(4 * AUDIO.sampleRate);
    expect(audibleSeconds(silence)).toBe(0);
    const marked = markAudio(silence, KEYS[0]!.key, ID);
    expect(marked.every((sample) => sample === 0)).toBe(true);
    expect(detectAudioMark(marked, KEYS)).toMatchObject({ found: false, log10p: 0 });
  });

  it('counts what is loud enough to carry a mark', () => {
    const half = new Float32Array(4 * AUDIO.sampleRate);
    for (let i = 0; i < half.length / 2; i++) half[i] = 0.1 * Math.sin(i / 20);
    expect(audibleSeconds(half)).toBeCloseTo(2, 1);
    expect(audibleSeconds(speech)).toBeGreaterThan(LEAST_AUDIBLE_SECONDS);
  });

  it('with a second id overwrites the first: look before you mark', () => {
    const twice = markAudio(markAudio(speech, KEYS[0]!.key, ID), KEYS[0]!.key, '0123456789abcdef', 1.6);
    expect(detectAudioMark(twice, KEYS).id).toBe('0123456789abcdef');
  });

  it.skipIf(missing !== undefined)('is read back from 10 s after AAC at 64 and 128 kbit/s, and from 3 s at 64', () => {
    const attacks = new Attacks();
    try {
      const marked = markAudio(speech, KEYS[0]!.key, ID);
      for (const rate of ['64k', '128k'])
        expect(detectAudioMark(attacks.sound(marked, ['-c:a', 'aac', '-b:a', rate]), KEYS).id, rate).toBe(ID);
      const short = markAudio(speech.subarray(0, LEAST_AUDIBLE_SECONDS * AUDIO.sampleRate), KEYS[0]!.key, ID);
      expect(detectAudioMark(attacks.sound(short, ['-c:a', 'aac', '-b:a', '64k']), KEYS).id).toBe(ID);
    } finally {
      attacks.remove();
    }
  });
});
