/** What was done to a bundle, in the words of docs/log-format.md. The verifiers that travel with a bundle use the same words. */
export const TAMPERINGS = [
  'checkpoint-forged',
  'foreign-key',
  'proof-broken',
  'tree-rewritten',
  'line-edited',
  'line-deleted',
  'line-added',
  'lines-swapped',
  'tail-truncated',
  'bundle-damaged',
  'log-shorter',
  'history-rewritten',
  'bundle-unreadable',
] as const;
export type Tampering = (typeof TAMPERINGS)[number];

export interface BundleReport {
  readonly ok: boolean;
  /** Entries of the log at the checkpoint of the bundle. */
  readonly size: number;
  /** Index of the first line; an auditor compares it with what was asked for. */
  readonly since: number;
  /** Lines in the bundle. */
  readonly entries: number;
  /** False for the lines of one tenant: each is proven, that none is missing is not. */
  readonly complete: boolean;
  /** Whether the key was pinned by the caller or only taken from the bundle. */
  readonly key: 'pinned' | 'from-bundle';
  /** Whether an earlier checkpoint of the auditor's own was found to be an ancestor of this log. */
  readonly known: 'continued' | 'not-given' | 'not-covered';
  readonly tampering?: Tampering;
  /** Log index of the first bad line, where one can be named. */
  readonly firstBad?: number;
  readonly detail: string;
}

export interface Finding {
  readonly tampering: Tampering;
  readonly detail: string;
  readonly at?: number;
}
