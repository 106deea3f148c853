import { DomainError } from '#kernel';

/** The files of the head asset are missing or not the ones that belong to this release. */
export class HeadAssetError extends DomainError {
  override readonly problem = { slug: 'head-asset-unusable', status: 503, title: 'The head asset cannot be used' } as const;
}

/** A coefficient track that does not fit its schema. */
export class InvalidDriveTrackError extends DomainError {
  override readonly problem = { slug: 'invalid-coefficient-track', status: 422, title: 'Not a coefficient track' } as const;
}

/** Too few usable frames to learn the rest shape of a face. */
export class CalibrationError extends DomainError {
  override readonly problem = { slug: 'no-face', status: 422, title: 'No face can be followed in this clip' } as const;
}
