import { DomainError } from '#kernel';

/** A person that the cast does not have. */
export class UnknownCastMemberError extends DomainError {
  override readonly problem = { slug: 'unknown-cast-member', status: 422, title: 'The cast has nobody of this name' } as const;
}
