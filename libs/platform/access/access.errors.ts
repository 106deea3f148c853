import { DomainError } from '#kernel';

/** Nobody we know. Says nothing about why: a wrong secret, a revoked key and one that never was look the same. */
export class UnauthenticatedError extends DomainError {
  override readonly problem = { slug: 'unauthenticated', status: 401, title: 'Who you are is not known' } as const;
  constructor(detail = 'Send "Authorization: Bearer …" with an API key or a link that is valid now.') {
    super(detail);
  }
}

/** The caller is known and may not do this. */
export class PermissionDeniedError extends DomainError {
  override readonly problem = { slug: 'permission-denied', status: 403, title: 'This caller may not do this' } as const;
}

export class LinkExpiredError extends DomainError {
  override readonly problem = { slug: 'link-expired', status: 410, title: 'This link has expired' } as const;
}

/** A consent link takes one answer. */
export class LinkUsedError extends DomainError {
  override readonly problem = { slug: 'link-used', status: 410, title: 'This link was used before' } as const;
}
