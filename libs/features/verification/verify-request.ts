import type { MediaTools, SandboxTier } from '#media';
import type { MarkKey, TrustAnchors } from '#provenance';

/** What the child that looks at a stranger's file is told. Plain data: it travels by structured clone. */
export interface VerifyChildRequest {
  readonly path: string;
  readonly anchors: TrustAnchors;
  /** Signed registry rows of the marks that the file's manifest names, or that a first look has found. */
  readonly marks: readonly string[];
  readonly keys: readonly MarkKey[];
  readonly tools: MediaTools;
  readonly tier: SandboxTier;
  /** CPU time for the search over sizes and crops. */
  readonly cpuBudgetMs: number;
}
