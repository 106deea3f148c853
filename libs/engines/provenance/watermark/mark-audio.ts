import { AUDIO, AudioLayout } from './audio-layout.ts';
import { Fft } from './fft.ts';
import { codewordOf } from './mark-code.ts';

/** Gain of a chip in dB. ±0.7 dB: 23 to 24 dB below the speech; 10 s survive AAC 64k, MP3 48k and a telephone line. */
export const AUDIO_GAIN_DB = 0.8;
/** The change fades in and out over an eighth of a frame on each side, so that no chip clicks. */
const OVERLAP = AUDIO.frame / 8;

/**
 * Adds an id to mono sound at 48 kHz: each chip's bin is made a little louder or softer. The sum of the changes is added to the sound,
 * so silence stays silence (and then carries nothing).
 */
export function markAudio(samples: Float32Array, key: Uint8Array, id: string, gainDb = AUDIO_GAIN_DB): Float32Array {
  const layout = new AudioLayout(key);
  const code = codewordOf(id);
  const { frame: n, firstBin, bins, block } = AUDIO;
  const up = 10 ** (gainDb / 20) - 1;
  const down = 10 ** (-gainDb / 20) - 1;
  const fft = new Fft(n);
  const marked = Float32Array.from(samples);
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  const changeRe = new Float64Array(n);
  const changeIm = new Float64Array(n);
  for (let f = 0; f * n < samples.length; f++) {
    for (let i = 0; i < n; i++) re[i] = samples[f * n + i] ?? 0;
    im.fill(0);
    fft.run(re, im, 0, false);
    changeRe.fill(0);
    changeIm.fill(0);
    const row = (f % block) * bins;
    for (let j = 0; j < bins; j++) {
      const bit = layout.bit[row + j]!;
      const chip = layout.sign[row + j]! * (bit < 0 ? 1 : code[bit]!);
      const gain = chip > 0 ? up : down;
      for (const k of [firstBin + j, n - firstBin - j]) {
        changeRe[k] = re[k]! * gain;
        changeIm[k] = im[k]! * gain;
      }
    }
    fft.run(changeRe, changeIm, 0, true);
    for (let i = -OVERLAP; i < n + OVERLAP; i++) {
      const at = f * n + i;
      if (at < 0 || at >= samples.length) continue;
      const fromEdge = i < OVERLAP ? i + OVERLAP : n + OVERLAP - 1 - i;
      const fade = fromEdge < 2 * OVERLAP ? 0.5 - 0.5 * Math.cos((Math.PI * (fromEdge + 0.5)) / (2 * OVERLAP)) : 1;
      marked[at] = marked[at]! + (changeRe[(i + n) % n]! / n) * fade;
    }
  }
  return marked;
}
