/** vowel, nasal, voiced fricative, fricative, plosive, voiced stop, silence. */
export type PhonemeKind = 'vowel' | 'nasal' | 'buzz' | 'hiss' | 'burst' | 'stop' | 'silence';

/** One sound: its resonances (Hz), its length, and the mouth that makes it. One table, so sound and lips cannot drift apart. */
export interface Phoneme {
  readonly formants: readonly [number, number, number];
  readonly seconds: number;
  readonly kind: PhonemeKind;
  readonly mouth: MouthShape;
}
/** 0..1 each; `lower` < 0 tucks the lower lip under the teeth. */
export interface MouthShape {
  readonly jaw: number;
  readonly wide: number;
  readonly round: number;
  readonly upper: number;
  readonly lower: number;
  readonly press: number;
}

type Row = readonly [
  f1: number,
  f2: number,
  f3: number,
  seconds: number,
  kind: PhonemeKind,
  ...mouth: [number, number, number, number, number, number],
];
const ROWS = {
  AA: [730, 1090, 2440, 0.16, 'vowel', 0.75, 0.1, 0, 0.2, 0.3, 0],
  AE: [660, 1720, 2410, 0.15, 'vowel', 0.65, 0.45, 0, 0.3, 0.3, 0],
  AH: [640, 1190, 2390, 0.11, 'vowel', 0.5, 0.1, 0, 0.15, 0.2, 0],
  AO: [570, 840, 2410, 0.15, 'vowel', 0.6, 0, 0.55, 0.1, 0.2, 0],
  EH: [530, 1840, 2480, 0.12, 'vowel', 0.45, 0.4, 0, 0.25, 0.25, 0],
  ER: [490, 1350, 1690, 0.15, 'vowel', 0.3, 0, 0.4, 0.1, 0.2, 0],
  IH: [390, 1990, 2550, 0.1, 'vowel', 0.3, 0.45, 0, 0.25, 0.25, 0],
  IY: [270, 2290, 3010, 0.14, 'vowel', 0.2, 0.75, 0, 0.35, 0.3, 0],
  OW: [490, 910, 2450, 0.15, 'vowel', 0.45, 0, 0.75, 0.1, 0.15, 0],
  UH: [440, 1020, 2240, 0.1, 'vowel', 0.3, 0, 0.5, 0.1, 0.15, 0],
  UW: [300, 870, 2240, 0.15, 'vowel', 0.18, 0, 0.95, 0.05, 0.1, 0],
  W: [300, 610, 2200, 0.07, 'vowel', 0.12, 0, 0.95, 0, 0, 0],
  R: [310, 1060, 1380, 0.08, 'vowel', 0.2, 0, 0.5, 0.1, 0.1, 0],
  Y: [270, 2200, 3000, 0.06, 'vowel', 0.18, 0.6, 0, 0.25, 0.25, 0],
  L: [360, 1300, 2700, 0.07, 'vowel', 0.3, 0.2, 0, 0.2, 0.2, 0],
  M: [280, 1100, 2200, 0.08, 'nasal', 0, 0, 0, 0, 0, 1],
  N: [280, 1700, 2600, 0.08, 'nasal', 0.16, 0.15, 0, 0.2, 0.2, 0],
  F: [0, 1400, 7000, 0.1, 'hiss', 0.1, 0.2, 0, 0.25, -0.4, 0],
  V: [300, 1400, 6000, 0.06, 'buzz', 0.1, 0.2, 0, 0.25, -0.4, 0],
  TH: [0, 1600, 6500, 0.1, 'hiss', 0.18, 0.2, 0, 0.2, 0.2, 0],
  S: [0, 4500, 6800, 0.12, 'hiss', 0.08, 0.45, 0, 0.3, 0.3, 0],
  Z: [280, 4500, 6500, 0.08, 'buzz', 0.08, 0.45, 0, 0.3, 0.3, 0],
  SH: [0, 2500, 5200, 0.11, 'hiss', 0.12, 0, 0.5, 0.25, 0.25, 0],
  H: [0, 1500, 5000, 0.06, 'hiss', 0.3, 0.1, 0, 0.15, 0.15, 0],
  T: [0, 3800, 6500, 0.07, 'burst', 0.14, 0.2, 0, 0.2, 0.2, 0],
  K: [0, 1900, 4000, 0.08, 'burst', 0.25, 0.1, 0, 0.1, 0.1, 0],
  P: [0, 800, 3000, 0.08, 'burst', 0, 0, 0, 0, 0, 1],
  B: [220, 800, 2400, 0.06, 'stop', 0, 0, 0, 0, 0, 1],
  D: [220, 1700, 2600, 0.06, 'stop', 0.15, 0.2, 0, 0.2, 0.2, 0],
  G: [220, 1900, 2400, 0.06, 'stop', 0.25, 0.1, 0, 0.1, 0.1, 0],
  SIL: [0, 0, 0, 0.12, 'silence', 0, 0, 0, 0, 0, 0],
} as const satisfies Record<string, Row>;

export type PhonemeName = keyof typeof ROWS;

export const PHONEMES = Object.fromEntries(
  Object.entries(ROWS as Record<string, Row>).map(
    ([name, [f1, f2, f3, seconds, kind, jaw, wide, round, upper, lower, press]]) => [
      name,
      { formants: [f1, f2, f3], seconds, kind, mouth: { jaw, wide, round, upper, lower, press } },
    ],
  ),
) as unknown as Readonly<Record<PhonemeName, Phoneme>>;

const WORDS: Readonly<Record<string, string>> = {
  0: 'Z IY R OW', 1: 'W AH N', 2: 'T UW', 3: 'TH R IY', 4: 'F AO R', 5: 'F AA IY V', 6: 'S IH K S', 7: 'S EH V AH N', 8: 'EH IY T',
  9: 'N AA IY N', a: 'AH', agree: 'AH G R IY', and: 'AE N D', assent: 'AH S EH N T', before: 'B IH F AO R', day: 'D EH IY', do: 'D UW',
  face: 'F EH IY S', five: 'F AA IY V', for: 'F AO R', good: 'G UH D', hello: 'H EH L OW', i: 'AA IY', in: 'IH N', is: 'IH Z',
  it: 'IH T', make: 'M EH IY K', may: 'M EH IY', mine: 'M AA IY N', morning: 'M AO R N IH N', move: 'M UW V', my: 'M AA IY',
  name: 'N EH IY M', new: 'N UW', of: 'AH V', only: 'OW N L IY', people: 'P IY P AH L', picture: 'P IH K SH ER', please: 'P L IY Z',
  remember: 'R IH M EH M B ER', replica: 'R EH P L IH K AH', say: 'S EH IY', see: 'S IY', speak: 'S P IY K', the: 'D AH',
  this: 'D IH S', to: 'T UW', today: 'T UH D EH IY', voice: 'V AO IY S', we: 'W IY', with: 'W IH TH', you: 'Y UW', your: 'Y AO R',
}; // prettier-ignore

/** Rough English letter sounds, for words that the table does not have: mouths and voice move, spelling rules do not matter. */
const LETTERS: Readonly<Record<string, PhonemeName>> = {
  a: 'AE', b: 'B', c: 'K', d: 'D', e: 'EH', f: 'F', g: 'G', h: 'H', i: 'IH', j: 'SH', k: 'K', l: 'L', m: 'M', n: 'N', o: 'OW', p: 'P',
  q: 'K', r: 'R', s: 'S', t: 'T', u: 'UH', v: 'V', w: 'W', x: 'S', y: 'Y', z: 'Z',
}; // prettier-ignore

export function phonemesOf(word: string): readonly PhonemeName[] {
  const known = WORDS[word.toLowerCase()];
  if (known !== undefined) return known.split(' ') as PhonemeName[];
  return Array.from(word.toLowerCase()).flatMap((letter) => {
    if (LETTERS[letter]) return [LETTERS[letter]];
    return WORDS[letter] ? (WORDS[letter].split(' ') as PhonemeName[]) : [];
  });
}
