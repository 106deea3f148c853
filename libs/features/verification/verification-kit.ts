import type { MediaTools, SandboxTier } from '#media';
import type { MarkKey, TrustAnchors } from '#provenance';
import type { MarkRegistry } from '#replicas';

/**
 * CPU time for the search over sizes and crops of a stranger's file; the engine's own default of 20 s is for whoever pays for it. A file
 * of eight seconds at 720p without a mark costs 12 s of CPU in all with it.
 */
const SEARCH_MS = 4000;

/** What a search needs, and only the operator's own endpoint has: given by the app that holds the keys. */
export class VerificationKit {
  constructor(
    readonly anchors: TrustAnchors,
    readonly markKeys: readonly MarkKey[],
    readonly tools: MediaTools,
    readonly tier: SandboxTier,
    readonly marks: MarkRegistry,
    readonly searchMs = SEARCH_MS,
  ) {}
}
