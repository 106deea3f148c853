import { lamp, type LightSetup } from './light.ts';
import type { Backdrop } from './look.ts';
import type { Words } from './speech.ts';

/** What differs between recordings of one person. */
export interface Take {
  readonly seed: number;
  readonly tour: number;
  readonly light: LightSetup;
  /** Replaces parts of the person's own room. */
  readonly backdrop: Partial<Backdrop>;
  readonly words: Words;
}

const SKY = [0.31, 0.33, 0.36] as const;
const GROUND = [0.2, 0.175, 0.155] as const;
const RIM = lamp(0.5, 0.5, -0.75, [0.5, 0.52, 0.58]);

export const LIGHTS: Readonly<Record<'window' | 'evening' | 'overhead' | 'office', LightSetup>> = {
  window: {
    lamps: [lamp(-0.5, 0.55, 0.8, [1.16, 1.08, 0.98]), lamp(0.85, 0.12, 0.6, [0.3, 0.32, 0.37]), RIM],
    sky: SKY,
    ground: GROUND,
    gain: 1,
  },
  evening: {
    lamps: [lamp(0.65, 0.4, 0.75, [1.05, 1.12, 1.26]), lamp(-0.8, 0.1, 0.5, [0.5, 0.44, 0.38])],
    sky: SKY,
    ground: GROUND,
    gain: 0.95,
  },
  overhead: {
    lamps: [lamp(-0.2, 0.8, 0.75, [1.3, 1.2, 1]), lamp(0.8, 0, 0.5, [0.25, 0.3, 0.4]), RIM],
    sky: SKY,
    ground: GROUND,
    gain: 1.1,
  },
  office: {
    lamps: [lamp(0.35, 0.25, 0.9, [1.15, 1.15, 1.15]), lamp(-0.7, 0.3, 0.4, [0.35, 0.35, 0.38])],
    sky: SKY,
    ground: GROUND,
    gain: 0.8,
  },
};

const CONSENT_WORDS: Words = [
  'hello', 0.2, 'my', 'face', 'is', 'mine', 0.3, '4', '7', '1', '9', 0.3, 'i', 'agree', 'to', 'this', 'replica', 0.4,
  'you', 'may', 'make', 'it', 'with', 'my', 'voice', 0.3, 'only', 'for', 'today', 0.3, 'please', 'remember', 'i', 'agree', 0.4,
]; // prettier-ignore
const FOOTAGE_WORDS: Words = [
  'good', 'morning', 0.25, 'we', 'speak', 'to', 'people', 'before', 'we', 'move', 0.3, '5', '0', '8', 0.3, 'see', 'my', 'picture',
  'and', 'my', 'voice', 0.35, 'a', 'new', 'day', 'for', 'you', 'and', 'me', 0.3, '2', '6', '3', 0.25, 'please', 'say', 'your', 'name', 0.4,
  'remember', 'the', 'people', 'in', 'this', 'picture', 0.35,
]; // prettier-ignore

/** Words repeated to last for any clip: what does not fit is not begun. */
const forEver = (words: Words): Words => Array.from({ length: 12 }, () => words).flat();

const TAKES: Readonly<Record<string, Take>> = {
  consent: {
    seed: 17,
    tour: 3,
    light: LIGHTS.evening,
    backdrop: { kind: 'window', colour: '#6f6a62', flip: true },
    words: forEver(CONSENT_WORDS),
  },
  footage: { seed: 0, tour: 0, light: LIGHTS.window, backdrop: {}, words: forEver(FOOTAGE_WORDS) },
};
const MORE: readonly Pick<Take, 'light' | 'backdrop'>[] = [
  { light: LIGHTS.overhead, backdrop: { kind: 'shelf', colour: '#b3aca2' } },
  { light: LIGHTS.office, backdrop: { kind: 'plain', colour: '#454b55' } },
  { light: LIGHTS.window, backdrop: { kind: 'plant', colour: '#a39a8c' } },
];

/** A take by name; names that are not designed get light, motion and words from their letters. */
export function takeOf(name: string): Take {
  const designed = TAKES[name];
  if (designed) return designed;
  let hash = 7;
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.codePointAt(0)!) & 0xffff;
  const words = hash % 2 ? CONSENT_WORDS : FOOTAGE_WORDS;
  const from = hash % words.length;
  return {
    seed: 40 + hash,
    tour: hash % 10,
    words: forEver([...words.slice(from), ...words.slice(0, from)]),
    ...MORE[hash % MORE.length],
  };
}
