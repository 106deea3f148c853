import { DomainError } from '#kernel';

export class MalformedJsonError extends DomainError {
  override readonly problem = { slug: 'malformed-json', status: 400, title: 'The body is not JSON' } as const;
}

/** The request itself is broken: its address, its headers. */
export class MalformedRequestError extends DomainError {
  override readonly problem = { slug: 'malformed-request', status: 400, title: 'The request cannot be read' } as const;
}

export class BodyTooLargeError extends DomainError {
  override readonly problem = { slug: 'body-too-large', status: 413, title: 'The body is larger than is taken here' } as const;
}

export class MediaTypeUnsupportedError extends DomainError {
  override readonly problem = {
    slug: 'media-type-unsupported',
    status: 415,
    title: 'The body has a type that is not taken here',
  } as const;
}

export class MethodNotAllowedError extends DomainError {
  override readonly problem = {
    slug: 'method-not-allowed',
    status: 405,
    title: 'This address does not take this method',
  } as const;
  constructor(readonly allowed: readonly string[]) {
    super(`Use ${allowed.join(', ')}.`, { allowed });
  }
}

/** Any other refusal that Fastify or Nest raised: only its status is known. */
export class HttpRefusal extends DomainError {
  override readonly problem;
  constructor(status: number, options?: ErrorOptions) {
    super('The server refused the request before it reached its handler.', {}, options);
    this.problem = { slug: 'request-refused', status, title: 'The request was refused' };
  }
}
