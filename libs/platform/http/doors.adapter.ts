import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { closeEventStreams } from './event-stream.ts';
import { JSON_LIMIT, hasBody } from './read-input.ts';
import { sendProblem } from './problem.filter.ts';
import { MalformedRequestError } from './http.errors.ts';
import type { RequestLog } from './request-log.ts';
import { ROUTE_SPEC, type RouteSpec } from './route.ts';

export interface DoorsOptions {
  /** Peers whose `X-Forwarded-*` is believed. */
  readonly trustedProxies: readonly string[];
  readonly log: RequestLog;
  /** How long a JSON body may take to arrive: at most 1 MiB, so 30 s is a very slow line, and not for ever. */
  readonly bodyTimeoutMs?: number;
}

/** Headers of every answer. Pages set their own policy over it. Set on the raw response, so that a hijacked answer carries them too. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Fastify as the doors need it: request ids, bodies kept as bytes until the caller is known, one line per request. */
export class DoorsAdapter extends FastifyAdapter {
  constructor({ trustedProxies, log, bodyTimeoutMs = 30_000 }: DoorsOptions) {
    super({
      bodyLimit: JSON_LIMIT,
      // Nobody is believed by default: a client could call itself what it likes (case UP-02).
      trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
      requestIdHeader: false,
      genReqId: requestIdOf,
      // An upload may come in for as long as bytes flow; a socket on which nothing moves is closed. Longer than any verification.
      requestTimeout: 0,
      connectionTimeout: 600_000,
      keepAliveTimeout: 72_000,
      return503OnClosing: true,
      forceCloseConnections: 'idle',
      routerOptions: { maxParamLength: 512 },
      frameworkErrors: (error, request, reply) => {
        beginAnswer(request, reply);
        const refusal = new MalformedRequestError('The address cannot be read: it holds a broken escape or is too long.', {}, { cause: error }); // prettier-ignore
        sendProblem(refusal, request, reply, log);
      },
    } satisfies FastifyServerOptions);
    const fastify = this.getInstance<FastifyInstance>();
    keepBodies(fastify);
    fastify.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log));
    fastify.addHook('onRequest', (request, reply, done) => {
      beginAnswer(request, reply);
      // Only where a body is announced and read: otherwise it never ends, and the answer may be a stream of minutes.
      if (
        request.method !== 'GET' &&
        request.method !== 'HEAD' &&
        hasBody(request) &&
        /^application\/json/i.test(request.headers['content-type'] ?? '')
      )
        endLateBody(request.raw, bodyTimeoutMs);
      done();
    });
    fastify.addHook('preClose', (done) => {
      closeEventStreams(fastify);
      done();
    });
    fastify.addHook('onSend', (request, _reply, payload, done) => {
      request.answered = true;
      done(null, payload);
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      const { statusCode: status } = reply.raw;
      log.request({
        level: status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info',
        at: new Date().toISOString(),
        request_id: request.id,
        method: request.method,
        route: request.is404 ? '(none)' : (request.routeOptions.url ?? '(none)'),
        status,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        tenant_id: request.principal?.tenantId ?? null,
        actor_id: request.principal?.actorId ?? null,
      });
      done();
    });
    refuseUndeclared(fastify);
  }

  /**
   * Nest's handler would do the same as ours, but it comes after the routes: one that was registered before it (static pages) starts
   * Fastify's boot, and then every route answers in Fastify's own words.
   */
  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.getInstance<FastifyInstance>() as ReturnType<FastifyAdapter['setErrorHandler']>;
  }

  /** A handler that answered by itself (a stream of events, a range, tus) returned nothing to send. */
  override reply(...[response, body, statusCode]: Parameters<FastifyAdapter['reply']>): ReturnType<FastifyAdapter['reply']> {
    // `sent` alone is true only once the last byte is out: a stream that has just begun would be cut short by our empty answer.
    if ('sent' in response && (response.sent || (body === undefined && response.request.answered))) return response;
    return super.reply(response, body, statusCode);
  }
}

/** A body that trickles in holds a connection and nothing else; many of them would hold all there are. */
function endLateBody(request: IncomingMessage, ms: number): void {
  const timer = setTimeout(() => request.destroy(), ms);
  for (const event of ['end', 'close'] as const) request.once(event, () => clearTimeout(timer));
}

/** Taken from the caller if it is of a form that can stand anywhere, else made. */
function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9-]{8,64}$/.test(given) ? given : randomUUID();
}

function beginAnswer(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) raw.setHeader(name, value);
  raw.setHeader('x-request-id', request.id);
  // Nothing of the API is kept by a cache unless its route says so.
  raw.setHeader('cache-control', 'no-store');
  if (request.protocol === 'https') raw.setHeader('strict-transport-security', 'max-age=31536000');
}

/** JSON is read as bytes and parsed after the guard; every other body stays in its socket, for the handlers that stream it. */
function keepBodies(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  fastify.addContentTypeParser('*', (_request, _body, done) => done(null, undefined));
}

/** A route that somebody put onto Fastify directly has no guard before it: it does not start. Automatic HEAD routes follow their GET. */
function refuseUndeclared(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', ({ config, method, url }) => {
    const spec = (config as Record<string, unknown> | undefined)?.[ROUTE_SPEC] as RouteSpec | undefined;
    if (!spec) throw new Error(`the route ${String(method)} ${url} declares no permission: use @Route`);
  });
}
