import { answerIsolated } from '#kernel';
import { type FaceSurvey, surveyFaces } from '#inference';
import { decodeFrames, findSandbox, workingSize } from '#media';
import type { SurveyRequest } from './face-survey.ts';

/** Whole pictures at this size and rate are enough to find everybody in them. */
const LONGEST_SIDE = 640;
const FPS = 5;

answerIsolated<SurveyRequest, FaceSurvey, { done: number; total: number }>(async ({ path, probe, tools, tier }, progress) => {
  const sandbox = findSandbox(tier);
  if (!sandbox) throw new Error(`the sandbox ${tier} is gone`);
  const total = Math.round(probe.duration * FPS);
  const { width, height } = workingSize(probe.display, LONGEST_SIDE);
  return surveyFaces(decodeFrames(path, probe, { fps: FPS, width, height }, tools, sandbox), ({ framesRead }) =>
    progress({ done: framesRead, total }),
  );
});
