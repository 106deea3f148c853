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
