import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Observable, from, lastValueFrom } from 'rxjs';
import { Idempotency, type IdempotentRequest, type KeptAnswer, bearerToken } from '#access';
import { InvalidInputError, type Principal } from '#kernel';
import { RequestLog } from './request-log.ts';
import { readInput } from './read-input.ts';
import { ROUTE_SPEC, type RouteSpec, takesIdempotencyKey } from './route.ts';

/** Answer headers that a repeated request gets again. */
const KEPT_HEADERS = ['location', 'retry-after', 'content-disposition', 'etag'];

/** Between guard and handler: checks the input, and gives a repeated request the answer of the first one. */
@Injectable()
export class CallInterceptor implements NestInterceptor {
  constructor(
    @Inject(Idempotency) private readonly idempotency: Idempotency,
    @Inject(RequestLog) private readonly log: RequestLog,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return from(this.#answer(context, next));
  }

  async #answer(context: ExecutionContext, next: CallHandler): Promise<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const spec = Reflect.getMetadata(ROUTE_SPEC, context.getHandler()) as RouteSpec;
    const principal = request.principal!;
    const input = readInput(spec, request);
    const idempotencyKey = takesIdempotencyKey(spec) ? requireKey(request.headers['idempotency-key']) : undefined;
    request.routeCall = { principal, ...input, idempotencyKey, request, reply } as NonNullable<FastifyRequest['routeCall']>;
    const work = (): Promise<unknown> => lastValueFrom(next.handle(), { defaultValue: undefined });
    if (idempotencyKey === undefined) return work();
    return this.#once(idempotentRequest(spec, principal, idempotencyKey, request, input), reply, work);
  }

  async #once(request: IdempotentRequest, reply: FastifyReply, work: () => Promise<unknown>): Promise<unknown> {
    const before = await this.idempotency.begin(request);
    if (before) return replay(before, reply);
    let body: unknown;
    try {
      body = await work();
    } catch (error) {
      await this.idempotency.release(request);
      throw error;
    }
    const { statusCode: status } = reply;
    const headers = Object.fromEntries(
      KEPT_HEADERS.flatMap((name) => {
        const value = reply.getHeader(name);
        return value === undefined ? [] : [[name, String(value)]];
      }),
    );
    try {
      if (status < 400) await this.idempotency.complete(request, { status, headers, body });
      else await this.idempotency.release(request);
    } catch (error) {
      // The effect is committed and must be told; only a repetition within the next minute gets 409 instead of this answer.
      this.log.fault(error, request.principal.requestId);
    }
    return body;
  }
}

function replay({ status, headers, body }: KeptAnswer, reply: FastifyReply): unknown {
  reply.code(status).headers({ ...headers, 'idempotency-replayed': 'true' });
  return body;
}

function idempotentRequest(
  spec: RouteSpec,
  principal: Principal,
  key: string,
  request: FastifyRequest,
  { params, query }: { params: unknown; query: unknown },
): IdempotentRequest {
  const body = Buffer.isBuffer(request.body) ? request.body.toString('base64') : '';
  return {
    principal,
    route: `${spec.method} ${spec.path}`,
    key,
    token: bearerToken(request.headers.authorization)!,
    content: JSON.stringify([params, query, body]),
  };
}

function requireKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header))
    throw new InvalidInputError('An Idempotency-Key is 1 to 255 visible ASCII characters, for example a UUID.', [
      { pointer: '/headers/idempotency-key', detail: '1 to 255 visible ASCII characters' },
    ]);
  return header;
}
