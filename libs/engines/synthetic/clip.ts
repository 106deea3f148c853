import type { RgbFrame } from '#kernel';
import { paintBackdrop } from './backdrop.ts';
import { develop, OVERSAMPLING } from './film.ts';
import { drawPerson, type FrameTruth, type Moment, readTruth } from './frame.ts';
import { lamp, type Lamp, type LightSetup } from './light.ts';
import type { Backdrop } from './look.ts';
import { planMotion } from './motion.ts';
import { createPerson, type SyntheticPerson } from './person.ts';
import { Raster } from './raster.ts';
import { scheduleSpeech, type Speech, type Words } from './speech.ts';
import { takeOf } from './takes.ts';
import { speakerOf, synthesiseVoice, VOICE_RATE } from './voice.ts';
import type { Vec3 } from './vector.ts';

/** A coloured light from the screen, for challenges. */
export interface Flash {
  readonly at: number;
  readonly seconds: number;
  /** Linear RGB, 0..1. */
  readonly colour: Vec3;
  /** .25 is a bright phone in a dim room. */
  readonly strength: number;
}

export interface ClipOptions {
  readonly seconds: number;
  /** Default 25. */
  readonly fps?: number;
  /** Side of the square picture in pixels, even, default 512. */
  readonly size?: number;
  /** `consent` and `footage` are two recordings with other light, backdrop, motion and words; any other name is one more. */
  readonly take: string;
  readonly words?: Words;
  /** At least this many full blinks, default 3. */
  readonly blinks?: number;
  readonly light?: LightSetup;
  readonly backdrop?: Backdrop;
  readonly flashes?: readonly Flash[];
  /** Film grain in levels of 255, default 1.5. */
  readonly grain?: number;
}

/** A clip as plain data: another thread makes the same pictures from it. */
export interface ClipSpec extends ClipOptions {
  readonly castId: string;
}

export interface SyntheticFrame {
  /** size × size × 3 bytes. */
  readonly rgb: Uint8Array;
  /** Seconds. */
  readonly time: number;
  readonly truth: FrameTruth;
}

/** Pictures and sound in time. */
export interface FrameSource {
  readonly size: number;
  readonly fps: number;
  readonly frameCount: number;
  frameAt(index: number): SyntheticFrame;
  frames(): Generator<SyntheticFrame>;
  audio(): { readonly sampleRate: number; readonly samples: Float32Array };
}

export interface SyntheticClip extends FrameSource {
  readonly spec: ClipSpec;
  readonly person: SyntheticPerson;
  readonly speech: Speech;
  /** What the person does at a time in seconds. */
  momentAt(time: number): Moment;
  /** Ground truth without drawing. 1 ms. */
  truthAt(index: number): FrameTruth;
  readonly light: LightSetup;
  readonly backdrop: Backdrop;
  lampsAt(time: number): Lamp[];
}

export const FPS = 25;
export const SIDE = 512;

/**
 * A recording of a person: a pure function of person and options, so that the same options give the same bytes on one build of Node
 * (V8 does not promise the last bit of Math.sin across versions).
 */
export function recordClip(person: SyntheticPerson, options: ClipOptions): SyntheticClip {
  const { fps = FPS, size = SIDE, seconds, blinks = 3 } = options;
  const take = takeOf(options.take);
  const seed = person.look.seed;
  const speaker = speakerOf(person.member.sex, seed);
  const speech = scheduleSpeech(options.words ?? take.words, { pace: speaker.pace, from: 0.6, until: seconds - 0.15 });
  const momentAt = planMotion({ seed: seed * 3 + take.seed, seconds, speech, blinks, tour: take.tour });
  const light = options.light ?? take.light;
  const backdrop = options.backdrop ?? { ...person.look.backdrop, ...take.backdrop };
  const lampsAt = (time: number): Lamp[] =>
    (options.flashes ?? [])
      .filter((flash) => time >= flash.at && time < flash.at + flash.seconds)
      .map(({ colour: c, strength: k }) => lamp(0, -0.1, 1, [c[0] * k, c[1] * k, c[2] * k]));
  let stage: Stage | undefined;
  const clip: SyntheticClip = {
    spec: { ...options, castId: person.member.id },
    person,
    speech,
    size,
    fps,
    frameCount: Math.round(seconds * fps),
    light,
    backdrop,
    momentAt,
    lampsAt,
    truthAt: (index) => readTruth(person, momentAt(index / fps), size),
    frameAt(index) {
      stage ??= makeStage(size, backdrop, seed);
      const time = index / fps;
      stage.begin();
      drawPerson(stage.raster, person, momentAt(time), light, lampsAt(time));
      const rgb = stage.develop(index, options.grain);
      return { rgb, time, truth: clip.truthAt(index) };
    },
    *frames() {
      for (let i = 0; i < clip.frameCount; i++) yield clip.frameAt(i);
    },
    audio: () => ({ sampleRate: VOICE_RATE, samples: synthesiseVoice(speech, speaker, seconds) }),
  };
  return clip;
}

/** The clip of a specification, with its person built in this process. */
export const clipOf = ({ castId, ...options }: ClipSpec): SyntheticClip => recordClip(createPerson(castId), options);

/** Ground truth of every frame, without drawing. */
export const truthTrack = (clip: SyntheticClip): FrameTruth[] =>
  Array.from({ length: clip.frameCount }, (_, index) => clip.truthAt(index));

/** A frame in the form that the other engines take. */
export const toRgbFrame = ({ rgb, time }: SyntheticFrame, size: number): RgbFrame => ({
  width: size,
  height: size,
  data: rgb,
  time,
});

/** A raster of 1.5 times the picture's side with its backdrop. */
export interface Stage {
  readonly raster: Raster;
  begin(): void;
  develop(index: number, grain?: number): Uint8Array;
}

const rasters = new Map<number, Raster>();
let lastBackdrop: { readonly key: string; readonly painted: Float32Array } | undefined;

export function makeStage(size: number, backdrop: Backdrop, seed: number): Stage {
  const side = OVERSAMPLING * size;
  // One raster per size serves every clip of the process: a frame is finished before the next begins.
  let raster = rasters.get(side);
  if (!raster) rasters.set(side, (raster = new Raster(side, side)));
  const shared = raster;
  const key = JSON.stringify([backdrop, side, seed]);
  if (lastBackdrop?.key !== key) lastBackdrop = { key, painted: paintBackdrop(backdrop, side, seed) };
  const { painted } = lastBackdrop;
  return {
    raster: shared,
    begin: () => shared.begin(painted),
    develop: (index, grain = 1.5) => develop(shared, { grain, seed: (index * 7919 + seed * 31) & 65535 }),
  };
}
