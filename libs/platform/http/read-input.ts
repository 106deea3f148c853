import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type FieldFault, InvalidInputError, NotFoundError } from '#kernel';
import { BodyTooLargeError, MalformedJsonError, MediaTypeUnsupportedError } from './http.errors.ts';
import { type RouteSpec, isMutation } from './route.ts';

/** Largest JSON body: 1 MiB. */
export const JSON_LIMIT = 1024 * 1024;

export interface RouteInput {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Path, query and body as the route declares them. Faults of all three are told at once. */
export function readInput(spec: RouteSpec, request: FastifyRequest): RouteInput {
  const params = paramsSchema(spec).safeParse(request.params ?? {});
  if (!params.success) throw new NotFoundError('There is nothing at this address.');
  const query = querySchema(spec)?.safeParse(request.query ?? {});
  const raw = spec.stream ? requireStream(spec, request) : readJson(spec, request);
  const body = spec.stream ? undefined : bodySchema(spec)?.safeParse(raw);
  const faults = [
    ...(query?.success === false ? faultsOf(query.error, '/query') : []),
    ...(body?.success === false ? faultsOf(body.error, '') : []),
    ...nulFaults(raw, ''),
    ...nulFaults(query?.data, '/query'),
  ];
  if (faults.length > 0)
    throw new InvalidInputError('The request has faults; each is named with its place.', faults.slice(0, 50));
  return { params: params.data, query: query?.data ?? request.query ?? {}, body: spec.body ? body?.data : undefined };
}

/** A parameter that no schema speaks of is a UUID: every id of ours is one. */
export function paramsSchema(spec: RouteSpec): z.ZodObject {
  if (spec.params) return spec.params;
  const names = [...spec.path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const shape = Object.fromEntries(names.map((name) => [name, z.uuid()]));
  return spec.path.endsWith('*') ? z.looseObject(shape) : z.strictObject(shape);
}

/** Undefined: whatever is asked is ignored (public pages get parameters from everywhere). */
function querySchema(spec: RouteSpec): z.ZodType | undefined {
  return spec.query ?? (spec.permission === 'public' ? undefined : z.strictObject({}));
}

const bodySchema = (spec: RouteSpec): z.ZodType | undefined => spec.body ?? z.strictObject({}).optional();

/** Zod's findings as JSON Pointers. An unknown member is named itself, not the object that it stands in. */
export function faultsOf(error: z.ZodError, base: string): FieldFault[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.map(pointerStep).join('');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: base + at + pointerStep(key), detail: 'is not known here' }));
    return [{ pointer: base + at, detail: issue.message }];
  });
}

/** RFC 6901 §3. */
const pointerStep = (step: PropertyKey): string => '/' + String(step).replaceAll('~', '~0').replaceAll('/', '~1');

/** PostgreSQL cannot store U+0000, and nobody means it (case LG-04). Only this far down: deeper is in no schema of ours. */
function nulFaults(value: unknown, at: string, depth = 0): FieldFault[] {
  if (typeof value === 'string') return value.includes('\0') ? [{ pointer: at, detail: 'holds a NUL character' }] : [];
  if (typeof value !== 'object' || value === null || depth > 16) return [];
  return Object.entries(value).flatMap(([key, inner]) => nulFaults(inner, at + pointerStep(key), depth + 1));
}

function requireStream(spec: RouteSpec, request: FastifyRequest): undefined {
  const { mediaTypes, maxBytes } = spec.stream!;
  if (!hasBody(request)) return undefined;
  const type = mediaTypeOf(request);
  if (!mediaTypes.includes('*/*') && !mediaTypes.includes(type))
    throw new MediaTypeUnsupportedError(`Send ${mediaTypes.join(' or ')}.`, { media_types: mediaTypes });
  const bytes = Number(request.headers['content-length'] ?? 0);
  if (maxBytes !== undefined && bytes > maxBytes) throw tooLarge(maxBytes);
  return undefined;
}

export const tooLarge = (limit: number): BodyTooLargeError =>
  new BodyTooLargeError(`At most ${limit} bytes are taken here.`, { limit });

/** The body was kept as bytes until now: a caller who may not call makes us parse nothing. */
function readJson(spec: RouteSpec, request: FastifyRequest): unknown {
  if (!isMutation(spec) && !spec.body) return undefined;
  // No body says the same as an empty one: whoever withdraws a consent by curl need not send `{}`.
  if (!hasBody(request)) return spec.body ? {} : undefined;
  const type = mediaTypeOf(request);
  if (type !== 'application/json' || !Buffer.isBuffer(request.body))
    throw new MediaTypeUnsupportedError('Send the body as application/json.', { media_types: ['application/json'] });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body));
  } catch (cause) {
    throw new MalformedJsonError('The body must be JSON in UTF-8.', {}, { cause });
  }
}

const mediaTypeOf = (request: FastifyRequest): string =>
  (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

export const hasBody = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
