import { DomainError } from '#kernel';

/** The pictures and their track cannot make a replica. */
export class UnusableFootageError extends DomainError {
  override readonly problem = { slug: 'footage-not-usable', status: 422, title: 'The footage cannot be fitted' } as const;
}

/** Bytes that are no replica of a version that we read. */
export class InvalidReplicaError extends DomainError {
  override readonly problem = {
    slug: 'replica-not-readable',
    status: 422,
    title: 'This is not a replica file that can be read',
  } as const;
}
