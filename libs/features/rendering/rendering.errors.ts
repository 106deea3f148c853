import { DomainError } from '#kernel';

/** The marks of a finished render cannot be read back from its bytes: it is held, never published. */
export class WatermarkNotReadableError extends DomainError {
  override readonly problem = {
    slug: 'watermark-not-readable',
    status: 422,
    title: 'The marks of the render cannot be read back',
  } as const;
}

/** Our own output does not verify as trusted: a fault of ours, which stops publishing. */
export class SelfCheckFailedError extends DomainError {
  override readonly problem = { slug: 'self-check-failed', status: 500, title: 'The render does not verify' } as const;
}

/** There are no bytes to give yet, or there never will be. */
export class RenderNotPublishedError extends DomainError {
  override readonly problem = { slug: 'render-not-published', status: 409, title: 'The render is not published' } as const;
}

/** The consent behind a published render is not in force now: nobody gets it from us. 410 where it has ended, 403 while it is paused. */
export class RenderWithheldError extends DomainError {
  override readonly problem: { slug: string; status: number; title: string };
  constructor(refusal: DomainError) {
    super(refusal.message, refusal.members, { cause: refusal });
    const { slug, title } = refusal.problem;
    this.problem = { slug, title, status: slug === 'consent-paused' ? 403 : 410 };
  }
}
