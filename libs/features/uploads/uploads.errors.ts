import { DomainError, type ProblemDocument } from '#kernel';

/** The bytes are still arriving, or are being looked at. */
export class UploadNotReadyError extends DomainError {
  override readonly problem = { slug: 'upload-not-ready', status: 409, title: 'The upload is not ready yet' } as const;
}

/** Somebody else has written meanwhile, or the client counts differently. HEAD tells the true offset. */
export class UploadOffsetConflictError extends DomainError {
  override readonly problem = {
    slug: 'upload-offset-conflict',
    status: 409,
    title: 'The upload stands at another byte',
  } as const;
}

/** More bytes than the published limit. */
export class UploadTooLargeError extends DomainError {
  override readonly problem = { slug: 'upload-too-large', status: 413, title: 'The upload is too large' } as const;
}

/** Too many beginnings and no end. */
export class UploadsUnderWayError extends DomainError {
  override readonly problem = { slug: 'rate-limited', status: 429, title: 'Too many uploads are under way' } as const;
}

/** The length that was announced, and the bytes that came, are not the same. */
export class UploadLengthError extends DomainError {
  override readonly problem = {
    slug: 'upload-length-mismatch',
    status: 422,
    title: 'The length of the upload does not fit',
  } as const;
}

/** The bytes are not those whose SHA-256 the client announced. */
export class UploadHashMismatchError extends DomainError {
  override readonly problem = {
    slug: 'upload-hash-mismatch',
    status: 422,
    title: 'The bytes differ from what was announced',
  } as const;
}

/** Not finished in time; its bytes are gone. */
export class UploadExpiredError extends DomainError {
  override readonly problem = { slug: 'upload-expired', status: 410, title: 'The upload was not finished in time' } as const;
}

/** The refusal that the check of a clip ended with, told again to whoever asks for the clip. */
export class UploadRefusedError extends DomainError {
  override readonly problem: { slug: string; status: number; title: string };
  constructor(document: ProblemDocument) {
    const { type: _, title, status, detail, code, ...members } = document;
    super(detail, members);
    this.problem = { slug: code, status, title };
  }
}

/** The client went away in the middle of a request. What had arrived by then is kept. */
export class UploadInterruptedError extends DomainError {
  override readonly problem = { slug: 'upload-interrupted', status: 400, title: 'The request ended early' } as const;
}
