import { DomainError } from '#kernel';

/** More bytes than are looked at. */
export class VerifyTooLargeError extends DomainError {
  override readonly problem = { slug: 'upload-too-large', status: 413, title: 'The file is too large' } as const;
}

/** This address has used up what it may cost for now. */
export class RateLimitedError extends DomainError {
  override readonly problem = { slug: 'rate-limited', status: 429, title: 'Too much was asked from this address' } as const;
}

/** Everybody is waiting: rather a quick no than a slow nothing. */
export class OverloadedError extends DomainError {
  override readonly problem = { slug: 'overloaded', status: 503, title: 'Too many files are being looked at' } as const;
}

/** The client went away. Nobody reads this answer; what was taken is removed. */
export class VerifyInterruptedError extends DomainError {
  override readonly problem = { slug: 'upload-interrupted', status: 400, title: 'The request ended early' } as const;
}

/** A form without a file in it. */
export class FileMissingError extends DomainError {
  override readonly problem = { slug: 'invalid-input', status: 422, title: 'The input does not fit its schema' } as const;
}
