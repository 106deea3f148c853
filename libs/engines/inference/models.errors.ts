import { DomainError } from '#kernel';

/** A model file is missing, unreadable, or not listed in models/models.json. */
export class ModelUnusableError extends DomainError {
  override readonly problem = { slug: 'model-unusable', status: 503, title: 'A model cannot be used' } as const;
}

/** A model file is not the one that was reviewed: nothing is decided with it. */
export class ModelHashMismatchError extends DomainError {
  override readonly problem = { slug: 'model-hash-mismatch', status: 503, title: 'A model file was changed' } as const;
}
