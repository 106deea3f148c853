import { z } from 'zod';
import { KEY_ROLES, type Permission, roleMay } from '#access';
import { PROBLEM_CATALOG } from './problem-catalog.ts';
import { paramsSchema } from './read-input.ts';
import { type RouteResponse, type RouteSpec, declaredRoutes, isMutation, takesIdempotencyKey } from './route.ts';

type Json = Record<string, unknown>;

const problemWire = z
  .looseObject({
    type: z.url().describe('resolves to a page about this refusal'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('what happened here, and what to do'),
    code: z.string().describe('the slug: branch on it'),
    instance: z.string().describe('the request id'),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });

/**
 * OpenAPI 3.1 of every route that this process declared. Made of the same objects that guard and input check read, so it cannot say
 * anything else; checked in as openapi.json, where a test refuses drift.
 */
export function openApiDocument(): Json {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, Json> = {};
  for (const spec of declaredRoutes()
    .filter(({ hidden }) => !hidden)
    .toSorted(byPath)) {
    const path = spec.path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
    (paths[path] ??= {})[spec.method.toLowerCase()] = operation(spec, schemas);
  }
  jsonSchema(problemWire, 'output', schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Assent',
      version: '1',
      description: 'Consented, provable replicas of a person’s head: no consent, no replica; no mark, no output; no record, no effect.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(declaredRoutes().filter(({ hidden }) => !hidden).map(({ tag }) => tag))].toSorted().map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key: `ask_…`' },
        link: { type: 'http', scheme: 'bearer', description: "A person's link, from the fragment of its page: `asl_…`" },
      },
    },
  }; // prettier-ignore
}

const byPath = (a: RouteSpec, b: RouteSpec): number =>
  a.path === b.path ? (a.method < b.method ? -1 : 1) : a.path < b.path ? -1 : 1;

function operation(spec: RouteSpec, schemas: Record<string, unknown>): Json {
  const parameters = [
    ...parametersOf(paramsSchema(spec), 'path', schemas),
    ...(spec.query ? parametersOf(spec.query, 'query', schemas) : []),
    ...(takesIdempotencyKey(spec) ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: operationId(spec),
    tags: [spec.tag],
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    security: securityOf(spec.permission),
    'x-permission': spec.permission,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(spec, schemas),
    responses: { ...successes(spec, schemas), ...refusals(spec) },
  };
}

/** `GET /v1/subjects/:id` → `getSubjectsId`: stable while the route is. */
const operationId = ({ method, path }: RouteSpec): string =>
  method.toLowerCase() +
  path
    .replace(/^\/v1/, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');

function securityOf(permission: Permission | 'public'): Json[] {
  if (permission === 'public') return [];
  return [
    ...(KEY_ROLES.some((role) => roleMay(role, permission)) ? [{ key: [] }] : []),
    ...(roleMay('subject', permission) ? [{ link: [] }] : []),
  ];
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'Repeat the request with the same key within 24 hours and get the first answer again.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

function parametersOf(schema: z.ZodObject, place: 'path' | 'query', schemas: Record<string, unknown>): Json[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input', schemas) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name: name === '*' ? 'path' : name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function requestBody(spec: RouteSpec, schemas: Record<string, unknown>): Json {
  const { stream, body } = spec;
  if (stream) {
    const content = Object.fromEntries(stream.mediaTypes.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]));
    return { requestBody: { description: stream.description, content } };
  }
  if (!body) return {};
  const required = !body.safeParse({}).success;
  return { requestBody: { required, content: { 'application/json': { schema: jsonSchema(body, 'input', schemas) } } } };
}

const successes = (spec: RouteSpec, schemas: Record<string, unknown>): Json =>
  Object.fromEntries(Object.entries(spec.responses).map(([status, response]) => [status, success(response, schemas)]));

function success({ description, schema, mediaType, headers }: RouteResponse, schemas: Record<string, unknown>): Json {
  const named = Object.entries(headers ?? {}).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]);
  return {
    description,
    ...(named.length === 0 ? {} : { headers: Object.fromEntries(named) as Json }),
    ...(schema || mediaType
      ? { content: { [mediaType ?? 'application/json']: schema ? { schema: jsonSchema(schema, 'output', schemas) } : {} } }
      : {}),
  };
}

/** Slugs of one status share one response: OpenAPI has one per status. */
function refusals(spec: RouteSpec): Json {
  const slugs = new Set([
    ...(spec.permission === 'public' ? [] : ['unauthenticated', 'permission-denied']),
    ...(spec.path.includes(':') ? ['not-found'] : []),
    ...(spec.query || spec.body || spec.permission !== 'public' ? ['invalid-input'] : []),
    ...(spec.body ? ['malformed-json', 'body-too-large', 'media-type-unsupported'] : []),
    ...(spec.stream ? ['media-type-unsupported'] : []),
    ...(takesIdempotencyKey(spec) ? ['idempotency-key-reused', 'idempotency-in-progress'] : []),
    ...(isMutation(spec) && spec.permission !== 'public' ? ['log-unavailable'] : []),
    ...(spec.refusals ?? []),
  ]);
  const byStatus = new Map<string, string[]>();
  for (const slug of slugs) {
    // A slug that the catalog lacks is a fault that a test finds; a running API still shows its reference.
    const known = PROBLEM_CATALOG[slug];
    for (const status of known ? [known.status, ...(known.also ?? [])].map(String) : ['default'])
      byStatus.set(status, [...(byStatus.get(status) ?? []), slug]);
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [status, { description: names.map((name) => `\`${name}\``).join(', '), content }]),
  );
}

/** Schemas with a `meta({ id })` become components; the rest stands where it is used. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, unknown>): Json {
  const { $schema: _, $defs, ...made } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as Json;
  const move = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as unknown;
  const name = typeof made['id'] === 'string' ? made['id'] : undefined;
  for (const [id, inner] of Object.entries(($defs ?? {}) as Json)) schemas[id] = withoutId(move(inner) as Json);
  const moved = withoutId(move(made) as Json);
  if (name === undefined) return moved;
  schemas[name] = moved;
  return { $ref: `#/components/schemas/${name}` };
}

/** `id` is Zod's registry speaking; in JSON Schema it would be an unknown keyword. */
function withoutId(schema: Json): Json {
  const { id: _, ...rest } = schema;
  return rest;
}
