/** What a refusal tells the wire: RFC 9457 members that never change for one kind of refusal. */
export interface ProblemKind {
  /** kebab-case, stable: clients branch on it. */
  readonly slug: string;
  readonly status: number;
  /** One sentence for a person; details go to the message. */
  readonly title: string;
}

/** One fault inside a request body. `pointer` is an RFC 6901 JSON Pointer. */
export interface FieldFault {
  readonly pointer: string;
  readonly detail: string;
}

/**
 * An expected refusal. Everything else that is thrown is a bug and reaches the wire as a bare 500.
 * One subclass per refusal, beside its feature; the message says what the person can do about it.
 */
export abstract class DomainError extends Error {
  abstract readonly problem: ProblemKind;
  constructor(
    detail: string,
    /** Extension members of RFC 9457 §3.2: figures, limits, reasons. Never personal data. */
    readonly members: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(detail, options);
    this.name = new.target.name;
  }
}

/** An `application/problem+json` document (RFC 9457). */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly [member: string]: unknown;
}

/** The docs page that a problem's `type` resolves to. */
const TYPE_BASE = 'https://assent.dev/problems/';

/** The only place where a throw becomes a wire document. Bugs stay vague on the wire: their text may hold anything. */
export function toProblem(error: unknown): ProblemDocument {
  if (error instanceof DomainError) {
    const { slug, status, title } = error.problem;
    return { ...error.members, type: TYPE_BASE + slug, title, status, detail: error.message, code: slug };
  }
  return {
    type: TYPE_BASE + 'internal-error',
    title: 'Something broke on our side',
    status: 500,
    detail: 'The fault is logged. Try again; if it stays, report the time of the request.',
    code: 'internal-error',
  };
}

/** Input that does not fit its schema. */
export class InvalidInputError extends DomainError {
  override readonly problem = { slug: 'invalid-input', status: 422, title: 'The input does not fit its schema' } as const;
  constructor(detail: string, errors: readonly FieldFault[] = []) {
    super(detail, { errors });
  }
}

/** A row that does not exist, or belongs to another tenant: the two must look the same. */
export class NotFoundError extends DomainError {
  override readonly problem = { slug: 'not-found', status: 404, title: 'Not found' } as const;
}
