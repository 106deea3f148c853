import { DomainError } from '#kernel';

/** All five answer 403 with their own slug: the caller may know why, because the caller asked with a consent id of its own tenant. */
export class ConsentNotGivenError extends DomainError {
  override readonly problem = { slug: 'consent-not-given', status: 403, title: 'The person has not given this consent' } as const;
}
export class ConsentWithdrawnError extends DomainError {
  override readonly problem = { slug: 'consent-withdrawn', status: 403, title: 'The consent was withdrawn' } as const;
}
export class ConsentPausedError extends DomainError {
  override readonly problem = { slug: 'consent-paused', status: 403, title: 'The consent is paused' } as const;
}
export class ConsentExpiredError extends DomainError {
  override readonly problem = { slug: 'consent-expired', status: 403, title: 'The consent has expired' } as const;
}
export class ConsentScopeError extends DomainError {
  override readonly problem = { slug: 'consent-scope', status: 403, title: 'The consent does not cover this' } as const;
}

/** Any of the five: what the gates log and the jobs end with. */
export type ConsentRefusal =
  ConsentNotGivenError | ConsentWithdrawnError | ConsentPausedError | ConsentExpiredError | ConsentScopeError;
export const isConsentRefusal = (error: unknown): error is ConsentRefusal =>
  error instanceof ConsentNotGivenError ||
  error instanceof ConsentWithdrawnError ||
  error instanceof ConsentPausedError ||
  error instanceof ConsentExpiredError ||
  error instanceof ConsentScopeError;
