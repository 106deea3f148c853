import { answerIsolated } from '#kernel';
import { findSandbox } from '#media';
import { type VerificationReport, verify } from '#provenance';
import { sandboxedFrames } from './sandboxed-frames.ts';
import type { VerifyChildRequest } from './verify-request.ts';

/*
 * One file from a stranger: parsed, decoded (in the sandbox) and searched away from the process that answers requests. It gets the
 * watermark keys, without which nothing can be searched, and no other secret; no network, no environment, no database.
 */
answerIsolated<VerifyChildRequest, VerificationReport>(async ({ path, anchors, marks, keys, tools, tier, cpuBudgetMs }) => {
  const sandbox = findSandbox(tier);
  if (!sandbox) throw new Error(`the sandbox ${tier} is gone`);
  return verify(path, { anchors, marks, detection: { keys, decoder: sandboxedFrames(tools, sandbox), cpuBudgetMs } });
});
