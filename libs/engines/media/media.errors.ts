import { DomainError } from '#kernel';

/** Zero bytes arrived. */
export class MediaEmptyError extends DomainError {
  override readonly problem = { slug: 'media-empty', status: 422, title: 'The file is empty' } as const;
}

/** The file ends before its content does. */
export class MediaTruncatedError extends DomainError {
  override readonly problem = { slug: 'media-truncated', status: 422, title: 'The file is cut off' } as const;
}

/** The right kind of file, but its pictures or its index cannot be read. */
export class MediaUnreadableError extends DomainError {
  override readonly problem = { slug: 'media-unreadable', status: 422, title: 'The file cannot be read' } as const;
}

/** Container, codec or colour that this platform does not take. */
export class MediaTypeUnsupportedError extends DomainError {
  override readonly problem = {
    slug: 'media-type-unsupported',
    status: 415,
    title: 'This kind of file is not supported',
  } as const;
}

export class MediaNoVideoError extends DomainError {
  override readonly problem = { slug: 'media-no-video', status: 422, title: 'The file has no moving picture' } as const;
}

export class MediaTooShortError extends DomainError {
  override readonly problem = { slug: 'media-too-short', status: 422, title: 'The clip is too short' } as const;
}

export class MediaTooLongError extends DomainError {
  override readonly problem = { slug: 'media-too-long', status: 422, title: 'The clip is too long' } as const;
}

/** A published limit was passed; `members` carry `{limit, allowed, found?}`. */
export class MediaOverBudgetError extends DomainError {
  override readonly problem = { slug: 'media-over-budget', status: 422, title: 'The clip is over a published limit' } as const;
}

/** More bytes than an upload may have. */
export class UploadTooLargeError extends DomainError {
  override readonly problem = { slug: 'upload-too-large', status: 413, title: 'The file is too large' } as const;
}

/** No usable ffmpeg, or no sandbox of the demanded tier: an operator repairs this, not the person who uploads. */
export class MediaToolsMissingError extends DomainError {
  override readonly problem = {
    slug: 'media-tools-missing',
    status: 503,
    title: 'Video cannot be processed on this machine',
  } as const;
}
