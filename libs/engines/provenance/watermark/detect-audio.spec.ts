import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { AUDIO } from './audio-layout.ts';
import { detectAudioMark } from './detect-audio.ts';
import { markAudio } from './mark-audio.ts';

const KEY = { kid: 'a', key: new Uint8Array(32).fill(1) };
const OTHER = { kid: 'b', key: new Uint8Array(32).fill(2) };
const encoders = String(spawnSync('ffmpeg', ['-hide_banner', '-encoders']).stdout);
const unable = encoders.includes('libmp3lame') ? '' : '(skipped: no ffmpeg with libmp3lame)';
const ID = '0123456789abcdef';

/** Voiced buzz with moving formants and syllables: repeatable, and as peaky as speech. */
function voice(seconds: number): Float32Array {
  let seed = 5;
  let phase = 0;
  return Float32Array.from({ length: seconds * AUDIO.sampleRate }, (_, i) => {
    const t = i / AUDIO.sampleRate;
    phase += (2 * Math.PI * (120 + 25 * Math.sin(2.1 * t))) / AUDIO.sampleRate;
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    let sum = 0.4 * (seed / 2 ** 32 - 0.5);
    for (let k = 1; k < 30; k++) sum += Math.sin(k * phase) / (1 + ((k * 120 - 600 - 300 * Math.sin(3 * t)) / 400) ** 2);
    return 0.08 * sum * Math.max(0.05, Math.sin(2 * Math.PI * 3 * t) ** 2);
  });
}

describe('sound of which only a minute is looked at', () => {
  const clean = voice(6);
  const marked = markAudio(clean, KEY.key, ID);

  it('is found under its key, wherever it was cut', () => {
    for (const cut of [0, 50_777])
      expect(detectAudioMark(marked.subarray(cut), [OTHER, KEY]), `cut ${cut}`).toMatchObject({ found: true, id: ID, kid: 'a' });
  });

  it('is not found under another key, in unmarked sound, in silence, in nothing and in broken samples', () => {
    expect(detectAudioMark(marked, [OTHER])).toMatchObject({ found: false });
    for (const sound of [clean, new Float32Array(96_000), new Float32Array(0), new Float32Array(96_000).fill(Number.NaN)])
      expect(detectAudioMark(sound, [KEY])).toMatchObject({ found: false });
  });

  it('adds up over blocks that are too short to be read alone', () => {
    const short = AUDIO.sampleRate * 1.2;
    expect(detectAudioMark(markAudio(clean, KEY.key, ID, 0.4).subarray(0, short), [KEY]).found).toBe(false);
    expect(detectAudioMark(markAudio(voice(20), KEY.key, ID, 0.4), [KEY])).toMatchObject({ found: true, id: ID });
  });

  it('says how much it looked at', () => {
    expect(detectAudioMark(new Float32Array(90 * AUDIO.sampleRate), [KEY]).seconds).toBe(60);
  });

  it.skipIf(unable !== '')(`survives MP3 at 64 kbit/s ${unable}`, () => {
    const ffmpeg = (args: string, input: Uint8Array): Buffer =>
      spawnSync('ffmpeg', ['-v', 'error', ...args.split(' ')], { input, maxBuffer: 2 ** 27 }).stdout;
    const raw = '-f f32le -ar 48000 -ac 1';
    const mp3 = ffmpeg(`${raw} -i - -c:a libmp3lame -b:a 64k -f mp3 -`, new Uint8Array(marked.buffer));
    const heard = ffmpeg(`-f mp3 -i - ${raw} -`, mp3);
    const samples = new Float32Array(heard.buffer.slice(heard.byteOffset, heard.byteOffset + heard.length));
    expect(detectAudioMark(samples, [KEY])).toMatchObject({ found: true, id: ID });
  });
});
