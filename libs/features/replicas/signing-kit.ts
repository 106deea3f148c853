import type { ClaimIdentity, MarkKey } from '#provenance';

/** What every mark of this deployment is made with: the C2PA identity and the watermark keys, newest first. */
export class SigningKit {
  constructor(
    readonly identity: ClaimIdentity,
    readonly markKeys: readonly [MarkKey, ...MarkKey[]],
  ) {}
}
