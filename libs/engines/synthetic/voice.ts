import { type Phoneme, PHONEMES } from './phonemes.ts';
import { randomStream } from './random.ts';
import type { Speech } from './speech.ts';

export const VOICE_RATE = 16000;

/** What makes a voice one person's. */
export interface Speaker {
  /** Fundamental, Hz. */
  readonly pitch: number;
  /** Vocal tract: resonances relative to an average man's. */
  readonly tract: number;
  /** Larger is slower. */
  readonly pace: number;
  readonly breath: number;
  /** Spectral tilt, .8 dark to .985 bright. */
  readonly tilt: number;
  readonly upperFormant: number;
  readonly seed: number;
}

export function speakerOf(sex: 'female' | 'male', seed: number): Speaker {
  const random = randomStream(seed * 7 + 3);
  const male = sex === 'male';
  return {
    pitch: male ? 82 + random() * 62 : 160 + random() * 95,
    tract: (male ? 0.85 : 1.03) + random() * 0.19,
    pace: 0.9 + random() * 0.35,
    breath: 0.01 + 0.09 * random() ** 2,
    tilt: 0.8 + random() * 0.185,
    upperFormant: 0.88 + random() * 0.24,
    seed,
  };
}

/** A two-pole resonator; `band`: unit gain at the peak instead of at 0 Hz. */
class Resonator {
  #y1 = 0;
  #y2 = 0;
  constructor(readonly band = false) {}
  run(x: number, frequency: number, width: number): number {
    const q = Math.exp((-Math.PI * width) / VOICE_RATE);
    const c = 2 * q * Math.cos((2 * Math.PI * Math.min(frequency, 7600)) / VOICE_RATE);
    const b = -q * q;
    const y = (this.band ? 1 - q : 1 - c - b) * x + c * this.#y1 + b * this.#y2;
    this.#y2 = this.#y1;
    this.#y1 = y;
    return y;
  }
}

/** How loud voicing and noise are in a sound, `u` of the way through it. */
function loudness({ kind }: Phoneme, u: number, breath: number): readonly [voice: number, noise: number] {
  switch (kind) {
    case 'vowel':
      return [1, breath];
    case 'nasal':
      return [0.45, 0];
    case 'buzz':
      return [0.35, 0.16];
    case 'hiss':
      return [0, 0.34];
    case 'burst':
      return [0, u > 0.55 ? 0.5 : 0];
    case 'stop':
      return [u < 0.7 ? 0.22 : 0.6, 0];
    case 'silence':
      return [0, 0];
  }
}

/**
 * Source-filter voice, 16 kHz mono, peak .7: glottal pulses through five resonators, and a noise branch. A voice detector flags
 * 99 % of its speech and none of its pauses (8 speakers); nobody has judged how intelligible it is.
 */
export function synthesiseVoice({ sounds }: Speech, speaker: Speaker, seconds: number): Float32Array {
  const count = Math.round(seconds * VOICE_RATE);
  const out = new Float32Array(count);
  const random = randomStream(speaker.seed + 1);
  const tract = Array.from({ length: 5 }, () => new Resonator());
  const hiss = [new Resonator(true), new Resonator(true)];
  const formants = [500, 1500, 2500];
  let [voice, noise, phase, jitter, low, k] = [0, 0, 0, 1, 0, 0];
  let [hissLow, hissHigh] = [3000, 6000];
  for (let i = 0; i < count; i++) {
    const t = i / VOICE_RATE;
    while (k < sounds.length - 1 && t >= sounds[k].to) k++;
    const sound = sounds.length > 0 && t >= sounds[k].from && t < sounds[k].to ? sounds[k] : undefined;
    const phoneme = PHONEMES[sound?.phoneme ?? 'SIL'];
    const { kind } = phoneme;
    const [toVoice, toNoise] = loudness(phoneme, sound ? (t - sound.from) / (sound.to - sound.from) : 0, speaker.breath);
    const noisy = kind === 'hiss' || kind === 'buzz' || kind === 'burst';
    voice += (toVoice - voice) * 0.004;
    noise += (toNoise - noise) * (kind === 'burst' ? 0.02 : 0.005);
    if (kind === 'vowel' || kind === 'nasal' || kind === 'stop') {
      for (let q = 0; q < 3; q++) formants[q] += (phoneme.formants[q] * speaker.tract - formants[q]) * 0.0022;
    }
    if (noisy) [, hissLow, hissHigh] = phoneme.formants;
    // Intonation: falling within 2.6 s phrases, a little stress on word starts, slow vibrato, jitter per pulse.
    const f0 =
      speaker.pitch *
      (1.14 -
        0.2 * ((t % 2.6) / 2.6) +
        0.1 * Math.sin(t * 3.1) +
        (sound?.first ? 0.05 : 0) +
        0.012 * Math.sin(2 * Math.PI * 5.2 * t)) *
      jitter;
    phase += f0 / VOICE_RATE;
    if (phase >= 1) {
      phase -= 1;
      jitter = 1 + (random() - 0.5) * 0.02;
    }
    // Derivative of the glottal pulse t² - t³, open for 62 % of the cycle.
    const g = phase / 0.62;
    low += ((g < 1 ? 2 * g - 3 * g * g : 0) - low) * speaker.tilt;
    const white = random() * 2 - 1;
    let y = low * voice + white * noise * (noisy ? 0 : 0.6) * (g < 1 ? 1 : 0.4);
    y = tract[0].run(y, formants[0], kind === 'nasal' ? 110 : 75);
    y = tract[1].run(y, formants[1], 95);
    y = tract[2].run(y, formants[2], 140);
    y = tract[3].run(y, 3500 * speaker.tract * speaker.upperFormant, 220);
    y = tract[4].run(y, 4500 * speaker.tract * speaker.upperFormant, 320);
    let z = 0;
    if (noise > 0.001) {
      z = hiss[0].run(white * noise, hissLow, 900) * 0.9 + hiss[1].run(white * noise, hissHigh, 1400) * 0.6;
      if (!noisy) z *= 0.1;
    }
    out[i] = y * 0.9 + z * 0.55;
  }
  return levelled(out, random);
}

/** Peak at .7, over the faint noise of a quiet room. */
function levelled(samples: Float32Array, random: () => number): Float32Array {
  let peak = 1e-9;
  for (const v of samples) peak = Math.max(peak, Math.abs(v));
  const gain = peak > 1e-6 ? 0.7 / peak : 0;
  return samples.map((v) => v * gain + 0.0012 * (random() * 2 - 1));
}
