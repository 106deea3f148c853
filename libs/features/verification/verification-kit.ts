import type { MediaTools, SandboxTier } from '#media';
import type { MarkKey, TrustAnchors } from '#provenance';
import type { MarkRegistry } from '#replicas';

/** What a search needs, and only the operator's own endpoint has: given by the app that holds the keys. */
export class VerificationKit {
  constructor(
    readonly anchors: TrustAnchors,
    readonly markKeys: readonly MarkKey[],
    readonly tools: MediaTools,
    readonly tier: SandboxTier,
    readonly marks: MarkRegistry,
  ) {}
}
