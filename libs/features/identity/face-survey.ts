import { built, runIsolated } from '#kernel';
import type { FaceSurvey } from '#inference';
import type { MediaProbe, MediaTools, SandboxTier } from '#media';

export interface SurveyRequest {
  readonly path: string;
  readonly probe: MediaProbe;
  readonly tools: MediaTools;
  readonly tier: SandboxTier;
}

/** Who is in a clip: every face, in a process without secrets and network. */
export const surveyClip = (
  request: SurveyRequest,
  options: { onProgress?: (progress: { done: number; total: number }) => void; signal?: AbortSignal } = {},
): Promise<FaceSurvey> => runIsolated(built('libs/features/identity/survey.child.js'), request, options);
