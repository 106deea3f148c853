import { type FrameSource, makeStage, type SyntheticClip, type SyntheticFrame } from './clip.ts';
import { drawPerson, type Moment, readTruth } from './frame.ts';

/** Metres that each of two people stands off the middle, and how far the camera steps back for them. */
const APART = 0.14;
const STEP_BACK = 0.62;

/** Two people in one picture, as one depth buffer sees them. Sound and truth are of `a`, who stands at the left of the picture. */
export function twoPeople(a: SyntheticClip, b: SyntheticClip): FrameSource {
  const beside = (moment: Moment, metres: number): Moment => ({ ...moment, shift: [moment.shift[0] + metres, moment.shift[1]] });
  return sourceOf(Math.min(a.frameCount, b.frameCount), a, (index) => {
    const time = index / a.fps;
    const stage = makeStage(a.size, a.backdrop, a.person.look.seed);
    stage.begin();
    const left = beside(a.momentAt(time), -APART);
    drawPerson(stage.raster, a.person, left, a.light, a.lampsAt(time), STEP_BACK);
    drawPerson(stage.raster, b.person, beside(b.momentAt(time), APART), a.light, a.lampsAt(time), STEP_BACK);
    return { rgb: stage.develop(index), time, truth: readTruth(a.person, left, a.size, STEP_BACK) };
  });
}

/** A face swap in the middle of a recording: `a` until `at` seconds, then `b` in the same room, light and motion; the sound stays `a`'s. */
export function swapAt(a: SyntheticClip, b: SyntheticClip, at: number): FrameSource {
  return sourceOf(a.frameCount, a, (index) => {
    const time = index / a.fps;
    if (time < at) return a.frameAt(index);
    const stage = makeStage(a.size, a.backdrop, a.person.look.seed);
    stage.begin();
    const moment = a.momentAt(time);
    drawPerson(stage.raster, b.person, moment, a.light, a.lampsAt(time));
    return { rgb: stage.develop(index), time, truth: readTruth(b.person, moment, a.size) };
  });
}

function sourceOf(frameCount: number, clip: SyntheticClip, frameAt: (index: number) => SyntheticFrame): FrameSource {
  return {
    size: clip.size,
    fps: clip.fps,
    frameCount,
    frameAt,
    *frames() {
      for (let i = 0; i < frameCount; i++) yield frameAt(i);
    },
    audio: () => clip.audio(),
  };
}
