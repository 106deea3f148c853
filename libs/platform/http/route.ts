import { Controller, HttpCode, RequestMapping, RequestMethod, SetMetadata, createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { PERMISSIONS, type Permission } from '#access';
import type { Principal } from '#kernel';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';

export interface RouteResponse {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** `application/json` where there is a schema and no other is named. */
  readonly mediaType?: string;
  /** Name → what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route as a whole: what it is reached by, who may, what it takes, what it answers. The same object makes the API reference. */
export interface RouteSpec {
  readonly method: HttpMethod;
  /** Pattern with leading slash, `:name` for parameters; `*` at the end takes the rest. */
  readonly path: string;
  readonly permission: Permission | 'public';
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Left out: each parameter is a UUID. What does not fit does not exist: 404. */
  readonly params?: z.ZodObject;
  /** Left out: no parameter is taken (routes with a permission refuse unknown ones). */
  readonly query?: z.ZodObject;
  /** A JSON body; use strict objects, so that a misspelt member is refused. Left out: none, or `{}`. */
  readonly body?: z.ZodType;
  /** The body is not read: the handler takes it from `call.request.raw`. */
  readonly stream?: { readonly mediaTypes: readonly string[]; readonly description: string; readonly maxBytes?: number };
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Slugs of this route's own refusals; those that every route has are added. */
  readonly refusals?: readonly string[];
  /** Whether a repeated `Idempotency-Key` gets the first answer again. Left out: every mutation that needs a caller and is no stream. */
  readonly idempotency?: boolean;
  /** Pages and assets are no API: they stand in no reference. */
  readonly hidden?: boolean;
}

type Parsed<T, Otherwise> = T extends z.ZodType ? z.output<T> : Otherwise;

/** What a handler gets: everything is checked, nothing is asked of the request again. */
export interface RouteCall<S extends RouteSpec = RouteSpec> {
  /** Public routes: `{ tenantId: 'public', actorId: 'anonymous', roles: [] }`. */
  readonly principal: Principal;
  readonly params: Parsed<S['params'], Readonly<Record<string, string>>>;
  readonly query: Parsed<S['query'], Readonly<Record<string, never>>>;
  readonly body: Parsed<S['body'], undefined>;
  /** To be used as the dedupe key of a job: then a crash between effect and answer asks for no second one. */
  readonly idempotencyKey: string | undefined;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** How a route was declared, on the handler and on Fastify's route. */
export const ROUTE_SPEC = 'assent:route';

/** Every route that this process declared, in order of declaration. */
const declared: RouteSpec[] = [];
export const declaredRoutes = (): readonly RouteSpec[] => declared;

/**
 * Declares a route: to Nest, and to the registry that the API reference and the router's own answers (405) are made of. A handler
 * without one does not start (`requireDeclaredRoutes`).
 */
export function Route(spec: RouteSpec): MethodDecorator {
  requireSound(spec);
  return (target, property, descriptor: PropertyDescriptor) => {
    declared.push(spec);
    SetMetadata(ROUTE_SPEC, spec)(target, property, descriptor);
    RouteConfig({ [ROUTE_SPEC]: spec })(target, property, descriptor);
    RequestMapping({ path: spec.path, method: RequestMethod[spec.method] })(target, property, descriptor);
    HttpCode(successOf(spec))(target, property, descriptor);
  };
}

/** A class of handlers. Paths are whole in each `@Route`, so that a search for one finds it. */
export const RouteController = (): ClassDecorator => Controller();

const successOf = (spec: RouteSpec): number => Math.min(...Object.keys(spec.responses).map(Number));

/** A fault of the program, found when the module loads. */
function requireSound(spec: RouteSpec): void {
  const fault = (what: string): Error => new Error(`the route ${spec.method} ${spec.path} ${what}`);
  const permission: string | undefined = spec.permission; // JavaScript may leave out what TypeScript demands
  if (permission === undefined || (permission !== 'public' && !Object.hasOwn(PERMISSIONS, permission)))
    throw fault('declares no permission that exists');
  if (!spec.path.startsWith('/')) throw fault('does not begin with a slash');
  if (!(successOf(spec) >= 200 && successOf(spec) < 400)) throw fault('declares no success');
  if (spec.body && spec.stream) throw fault('has both a JSON body and a stream');
  if (declared.some((other) => other.method === spec.method && other.path === spec.path)) throw fault('is declared twice');
}

export const isMutation = ({ method }: RouteSpec): boolean => !['GET', 'HEAD', 'OPTIONS'].includes(method);
export const takesIdempotencyKey = (spec: RouteSpec): boolean =>
  spec.idempotency ?? (isMutation(spec) && spec.permission !== 'public' && !spec.stream);

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `ROUTE_SPEC`: whoever puts a route onto Fastify itself (static pages) declares it here, or the process does not start. */
    'assent:route'?: RouteSpec;
  }
  interface FastifyRequest {
    /** Set by the guard. */
    principal?: Principal;
    /** Set once something was given to `reply.send`. */
    answered?: boolean;
    /** Set once the input was checked. */
    routeCall?: RouteCall;
  }
}

/** The checked call: `handler(@Call() call: RouteCall<typeof spec>)`. */
export const Call: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { routeCall } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!routeCall) throw new Error('@Call() stands on a handler without @Route');
  return routeCall;
});
