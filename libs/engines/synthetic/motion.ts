import type { Units } from './expression.ts';
import type { Moment } from './frame.ts';
import type { MouthShape } from './phonemes.ts';
import { noise3, randomStream } from './random.ts';
import { mouthAt, type Speech } from './speech.ts';
import { clamp, ramp } from './vector.ts';

/** Where the head goes, yaw and pitch in degrees: both sides, up and down, and back to the camera in between. */
const TOUR = [[0, 0], [20, 0], [20, 5], [0, 8], [-20, 3], [-20, -5], [0, -8], [15, -6], [-10, 6], [0, 0]] as const; // prettier-ignore
/** Seconds at the start in which the face rests and looks at the camera: what a calibration reads. */
const REST = 0.8;

interface PoseKey {
  readonly at: number;
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
}
interface Spell {
  readonly at: number;
  readonly seconds: number;
  readonly strength: number;
}
interface Glance {
  readonly at: number;
  readonly x: number;
  readonly y: number;
  readonly atCamera: boolean;
}

export interface MotionOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly speech: Speech;
  /** At least this many full blinks, spread over the clip. */
  readonly blinks: number;
  /** Where in the tour of head poses to begin: takes differ. */
  readonly tour: number;
}

/** Everything a person does in a take: a pure function of time, so that frames can be made in any order. */
export function planMotion({ seed, seconds, speech, blinks, tour }: MotionOptions): (t: number) => Moment {
  const random = randomStream(seed * 31 + 11);
  const keys = poseKeys(seconds, tour, random);
  const shut = blinkTimes(seconds, blinks, random);
  const glances = glanceTimes(seconds, random);
  const smiles = spells(seconds, random, { first: 0.4 + random(), every: [3, 3], lasts: [1.2, 1.5], strength: [0.6, 0.4] });
  const brows = spells(seconds, random, { first: 1.5 * random(), every: [1.5, 3], lasts: [0.5, 0.5], strength: [0.4, 0.6] });
  return (t) => {
    const wander = (speed: number, axis: number): number => noise3(t * speed + axis, seed % 50, 7 + axis, 1) - 0.5;
    const calm = ramp(REST * 0.6, REST * 1.4, t);
    const head = poseAt(keys, t);
    const talk = mouthAt(speech, t);
    const yaw = head.yaw + 2.5 * wander(1.1, 1);
    const pitch = head.pitch + 2 * wander(1.4, 2) - talk.jaw * 1.2;
    const roll = head.roll + 2 * wander(0.8, 3);
    const glance = glances.findLast((g) => g.at <= t) ?? glances[0];
    const smile = strengthAt(smiles, t) * calm;
    const brow = strengthAt(brows, t) * calm;
    const closure = closureAt(shut, t);
    return {
      yaw,
      pitch,
      roll,
      shift: [0.006 * wander(0.5, 5) + yaw * 0.0001, 0.0035 * wander(0.6, 6)],
      blink: [closure, closure * 0.99],
      gaze: [
        clamp((glance.atCamera ? 0 : glance.x) - yaw * 0.75, -22, 22),
        clamp((glance.atCamera ? 0 : glance.y) - pitch * 0.7, -12, 12),
      ],
      units: {
        ...mouthUnits(talk, smile * (1 - 0.35 * Math.min(1, talk.jaw * 1.5))),
        browInnerUp: brow * 0.55,
        browOuterUpLeft: brow * 0.6,
        browOuterUpRight: brow * 0.5,
      },
    };
  };
}

function poseKeys(seconds: number, tour: number, random: () => number): PoseKey[] {
  const keys: PoseKey[] = [{ at: 0, yaw: 0, pitch: 0, roll: 0 }];
  const step = seconds / clamp(seconds, 6, Math.max(10, seconds / 2.2));
  for (let t = Math.min(REST, seconds * 0.15), k = tour; t < seconds; t += step, k++) {
    const [yaw, pitch] = TOUR[k % TOUR.length];
    keys.push({ at: t, yaw: yaw * (0.92 + 0.08 * random()), pitch, roll: (random() - 0.5) * 6 });
  }
  return keys;
}

function poseAt(keys: readonly PoseKey[], t: number): Omit<PoseKey, 'at'> {
  const i = Math.max(
    0,
    keys.findLastIndex((key) => key.at <= t),
  );
  const a = keys[i];
  const b = keys[i + 1] ?? a;
  if (a === b) return a;
  // Moves take three quarters of the time between keys: then the head holds still for a moment.
  const u = clamp(((t - a.at) / (b.at - a.at)) * 1.35);
  const k = u * u * u * (10 - 15 * u + 6 * u * u);
  const blend = (from: number, to: number): number => from + (to - from) * k;
  return { yaw: blend(a.yaw, b.yaw), pitch: blend(a.pitch, b.pitch), roll: blend(a.roll, b.roll) };
}

/** At least `least` blinks, evenly spread with some irregularity; about one every 2.6 s in longer clips. */
function blinkTimes(seconds: number, least: number, random: () => number): number[] {
  const count = Math.max(least, Math.floor(seconds / 2.6));
  const gap = seconds / count;
  return Array.from({ length: count }, (_, k) => Math.max(0.1, (k + 0.5) * gap + (random() - 0.5) * 0.5 * gap - 0.12));
}

/** 80 ms down, 90 ms shut (at least two pictures at 25 fps), 180 ms up. */
function closureAt(times: readonly number[], t: number): number {
  let closure = 0;
  for (const at of times) {
    const d = t - at;
    if (d > 0 && d < 0.35) closure = Math.max(closure, d < 0.08 ? ramp(0, 0.08, d) : ramp(0.35, 0.17, d));
  }
  return closure;
}

function glanceTimes(seconds: number, random: () => number): Glance[] {
  const glances: Glance[] = [{ at: 0, x: 0, y: 0, atCamera: true }];
  for (let t = REST; t < seconds; t += 0.5 + random() * 1.6) {
    glances.push({ at: t, x: (random() - 0.5) * 16, y: (random() - 0.5) * 8, atCamera: random() > 0.45 });
  }
  return glances;
}

interface SpellRule {
  readonly first: number;
  /** Least, and what chance adds. */
  readonly every: readonly [number, number];
  readonly lasts: readonly [number, number];
  readonly strength: readonly [number, number];
}
function spells(seconds: number, random: () => number, { first, every, lasts, strength }: SpellRule): Spell[] {
  const out: Spell[] = [];
  for (let t = first; t < seconds; t += every[0] + random() * every[1]) {
    out.push({ at: t, seconds: lasts[0] + random() * lasts[1], strength: strength[0] + random() * strength[1] });
  }
  return out;
}
function strengthAt(list: readonly Spell[], t: number): number {
  let value = 0;
  for (const { at, seconds, strength } of list) {
    const u = (t - at) / seconds;
    if (u > 0 && u < 1) value = Math.max(value, strength * ramp(0, 0.25, u) * ramp(1, 0.7, u));
  }
  return value;
}

/** A mouth shape and a smile as expression units. Lips are sealed by mouthClose in proportion to the open jaw. */
export function mouthUnits(m: MouthShape, smile: number): Units {
  const jaw = clamp(m.jaw * 0.66, 0, 0.75);
  const both = {
    mouthStretch: m.wide * 0.3,
    mouthSmile: m.wide * 0.14 + smile * 0.75,
    mouthUpperUp: m.upper * 0.3,
    mouthLowerDown: Math.max(0, m.lower) * 0.35,
    mouthPress: m.press * 0.25,
    cheekSquint: smile * 0.55,
    eyeSquint: smile * 0.25,
    mouthDimple: smile * 0.25,
  };
  const units: Record<string, number> = {
    jawOpen: jaw,
    mouthPucker: m.round * 0.55,
    mouthFunnel: m.round * 0.2,
    mouthRollLower: Math.max(0, -m.lower) * 0.8,
    mouthClose: jaw * clamp(m.press * 1.05),
  };
  for (const [name, value] of Object.entries(both)) for (const side of ['Left', 'Right']) units[name + side] = value;
  return units as Units;
}
