import type { IncomingMessage } from 'node:http';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { UnauthenticatedError } from '#access';
import { DomainError, NotFoundError, toProblem } from '#kernel';
import { HttpRefusal, MalformedRequestError, MediaTypeUnsupportedError, MethodNotAllowedError } from './http.errors.ts';
import { JSON_LIMIT, tooLarge } from './read-input.ts';
import { RequestLog } from './request-log.ts';
import { allowedMethods } from './route-table.ts';

/** The one place where a throw becomes an answer: RFC 9457, whoever threw. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(RequestLog) private readonly log: RequestLog) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    sendProblem(error, request, reply, this.log);
  }
}

/** Also for what never reaches Nest: addresses that the router cannot read, bodies that are refused before any handler, static pages. */
export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: RequestLog): void {
  const error = asDomainError(thrown, request);
  const problem = toProblem(error);
  if (problem.status >= 500) log.fault(error, request.id);
  if (reply.sent || reply.raw.headersSent) {
    // The answer has begun: all that is left is to end it in a way that cannot be taken for whole.
    reply.raw.destroy();
    return;
  }
  if (error instanceof UnauthenticatedError) reply.header('www-authenticate', 'Bearer realm="assent"');
  if (error instanceof MethodNotAllowedError) reply.header('allow', error.allowed.join(', '));
  const retryAfter = problem['retry_after'];
  if (typeof retryAfter === 'number') reply.header('retry-after', String(Math.ceil(retryAfter)));
  for (const name of ['content-length', 'content-disposition', 'etag', 'location', 'accept-ranges']) reply.removeHeader(name);
  if (problem.status !== 416) reply.removeHeader('content-range'); // there it tells how long the file is (RFC 9110 §15.5.17)
  reply
    .code(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify({ ...problem, instance: request.id }));
  passOver(request.raw);
}

/** How long a refused client may go on sending before its connection is closed. */
const PASS_OVER_MS = 5000;

/**
 * The rest of a body that nobody will read any more. Read and thrown away, so that a client which sends before it listens comes to hear
 * its refusal (closing at once would reset the connection, and the answer with it); for a few seconds, so that nobody uploads for nothing.
 * Node does this by itself only for a body of which nothing was read.
 */
function passOver(raw: IncomingMessage): void {
  if (raw.complete || raw.destroyed) return;
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), PASS_OVER_MS);
  for (const event of ['end', 'close'] as const) raw.once(event, () => clearTimeout(timer));
}

/** What Fastify and Nest throw, in our words. */
function asDomainError(error: unknown, request: FastifyRequest): unknown {
  if (error instanceof DomainError) return error;
  const { code, statusCode } = Object(error) as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return new MalformedRequestError('The body is not as long as Content-Length says.', {}, { cause: error });
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  if (status === 404) {
    const allowed = allowedMethods(request.url);
    return allowed.length > 0 && !allowed.includes(request.method)
      ? new MethodNotAllowedError(allowed)
      : new NotFoundError('There is nothing at this address. /docs lists every route.');
  }
  if (status === 413) return tooLarge(JSON_LIMIT);
  if (status === 415)
    return new MediaTypeUnsupportedError('Send the body as application/json.', { media_types: ['application/json'] });
  return status !== undefined && status >= 400 && status < 500 ? new HttpRefusal(status, { cause: error }) : error;
}
