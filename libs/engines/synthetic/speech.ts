import { type MouthShape, PHONEMES, type PhonemeName, phonemesOf } from './phonemes.ts';

/** What is said: words or digits, and pauses in seconds. */
export type Words = readonly (string | number)[];

/** A sound at its time, seconds. */
export interface Spoken {
  readonly phoneme: PhonemeName;
  readonly from: number;
  readonly to: number;
  /** First sound of a word: stressed. */
  readonly first: boolean;
}
export interface SpokenWord {
  readonly word: string;
  readonly from: number;
  readonly to: number;
}
/** The timeline that drives voice and lips. */
export interface Speech {
  readonly sounds: readonly Spoken[];
  readonly words: readonly SpokenWord[];
}

/** Lays words out in time. `pace`: 1 = normal, larger is slower. Words that would end after `until` are not begun. */
export function scheduleSpeech(items: Words, { pace, from, until }: { pace: number; from: number; until: number }): Speech {
  const sounds: Spoken[] = [];
  const words: SpokenWord[] = [];
  let t = from;
  for (const item of items) {
    if (typeof item === 'number') {
      t += item;
      continue;
    }
    const names = phonemesOf(item);
    const lengths = names.map((name, i) => {
      const { seconds, kind } = PHONEMES[name];
      return seconds * pace * (i === names.length - 1 && kind === 'vowel' ? 1.35 : 1.1);
    });
    const length = lengths.reduce((a, b) => a + b, 0);
    if (t + length > until) break;
    const start = t;
    names.forEach((phoneme, i) => {
      sounds.push({ phoneme, from: t, to: t + lengths[i], first: i === 0 });
      t += lengths[i];
    });
    words.push({ word: item, from: start, to: t });
    t += 0.05 * pace;
  }
  return { sounds, words };
}

/** The mouth at time `t`: neighbouring sounds blended, about 70 ms early, as people do; lips that must meet weigh more. */
export function mouthAt({ sounds }: Speech, t: number): MouthShape {
  const sum = { jaw: 0, wide: 0, round: 0, upper: 0, lower: 0, press: 0 };
  let weights = 0.12;
  for (const { phoneme, from, to } of sounds) {
    if (to < t - 0.2 || from > t + 0.25) continue;
    const { kind, mouth } = PHONEMES[phoneme];
    const d = Math.abs(t - (from + to) / 2 + 0.02) / ((to - from) / 2 + 0.035);
    if (d >= 2) continue;
    const w = Math.exp(-d * d * 1.6) * (mouth.press > 0 ? 1.8 : kind === 'vowel' ? 1 : 0.6);
    for (const key of Object.keys(sum) as (keyof MouthShape)[]) sum[key] += mouth[key] * w;
    weights += w;
  }
  const k = 1 / weights;
  return {
    jaw: sum.jaw * k * 1.35,
    wide: sum.wide * k,
    round: sum.round * k,
    upper: sum.upper * k * 0.45,
    lower: sum.lower * k * 0.45,
    press: sum.press * k,
  };
}
