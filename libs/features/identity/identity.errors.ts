import { DomainError } from '#kernel';

/** The faces in the footage are not the person who consented. */
export class FootageNotSubjectError extends DomainError {
  override readonly problem = {
    slug: 'footage-not-subject',
    status: 403,
    title: 'The footage does not show the person who consented',
  } as const;
}

/** The pictures cannot carry a decision or a fit; `reasons` says what to change. */
export class FootageQualityError extends DomainError {
  override readonly problem = { slug: 'footage-quality', status: 422, title: 'The footage cannot be used as it is' } as const;
}
