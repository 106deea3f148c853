export { swapAt, twoPeople } from './attacks.ts';
export { benchSynthetic } from './bench.ts';
export { CAST, castBySeed, FAR_PAIRS, getCastMember } from './cast.ts';
export type { CastMember } from './cast-member.ts';
export { type ClipReading, correlation, type FaceReader, type FaceReading, readClip } from './clip-reading.ts';
export {
  type ClipOptions,
  clipOf,
  type ClipSpec,
  type Flash,
  type FrameSource,
  recordClip,
  type SyntheticClip,
  type SyntheticFrame,
  toRgbFrame,
  truthTrack,
} from './clip.ts';
export type { FrameTruth, Moment } from './frame.ts';
export type { LightSetup } from './light.ts';
export type { Backdrop } from './look.ts';
export { createPerson, type SyntheticPerson } from './person.ts';
export { type ParallelOptions, renderClipParallel } from './parallel.ts';
export type { Speech, Words } from './speech.ts';
export { UnknownCastMemberError } from './synthetic.errors.ts';
export { LIGHTS } from './takes.ts';
