import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { type ApiKeyInfo, ApiKeys, KEY_ROLES, PERMISSION_NAMES } from '#access';
import { Call, Route, type RouteCall, RouteController, type RouteSpec, idCursor, page, pageOf, pageQuery } from '#http';

const role = z.enum(KEY_ROLES);
const keyWire = z
  .strictObject({
    id: z.uuid(),
    role: z.string(),
    label: z.string(),
    scopes: z.array(z.string()).nullable().describe('null: everything that the role may do'),
    prefix: z.string().describe('the part of the key after `ask_` that may be shown'),
    created_at: z.iso.datetime(),
    created_by: z.string(),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable().describe('to the nearest five minutes'),
  })
  .meta({ id: 'ApiKey' });

const tag = 'api keys';
const CREATE = {
  method: 'POST', path: '/v1/api-keys', permission: 'keys.manage', tag,
  summary: 'Make an API key',
  description: 'The key is in this answer and nowhere else: only a keyed hash of it is stored.',
  body: z.strictObject({
    role,
    label: z.string().trim().min(1).max(100).describe('for people, in lists'),
    scopes: z.array(z.enum(PERMISSION_NAMES)).min(1).optional().describe("only these of the role's permissions"),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  }),
  responses: {
    201: { description: 'The key.', schema: z.strictObject({ id: z.uuid(), key: z.string(), prefix: z.string(), role }) },
  },
} as const satisfies RouteSpec; // prettier-ignore
const LIST = {
  method: 'GET', path: '/v1/api-keys', permission: 'keys.manage', tag,
  summary: 'List API keys, newest first',
  query: z.strictObject(pageQuery),
  responses: { 200: { description: 'A page.', schema: pageOf(keyWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const REVOKE = {
  method: 'DELETE', path: '/v1/api-keys/:id', permission: 'keys.manage', tag,
  summary: 'Revoke an API key',
  description: 'From this answer on the key opens nothing. Revoking again is no fault.',
  params: z.strictObject({ id: z.uuid() }),
  responses: { 204: { description: 'Revoked.' } },
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class ApiKeysController {
  constructor(@Inject(ApiKeys) private readonly apiKeys: ApiKeys) {}

  @Route(CREATE)
  async create(@Call() { principal, body }: RouteCall<typeof CREATE>): Promise<object> {
    const { expires_at, scopes, ...rest } = body;
    const made = await this.apiKeys.issue(principal, {
      ...rest,
      ...(scopes === undefined ? {} : { scopes }),
      ...(expires_at === undefined ? {} : { expiresAt: new Date(expires_at) }),
    });
    return { ...made, role: body.role };
  }

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>): Promise<object> {
    const after = idCursor(query.cursor);
    const found = await this.apiKeys.list(principal.tenantId, {
      limit: query.limit + 1,
      ...(after === undefined ? {} : { after }),
    });
    const { data, next_cursor } = page(found, query.limit, (row) => [row.id]);
    return { data: data.map(toWire), next_cursor };
  }

  @Route(REVOKE)
  async revoke(@Call() { principal, params }: RouteCall<typeof REVOKE>): Promise<void> {
    await this.apiKeys.revoke(principal, params.id);
  }
}

const instant = (date: Date | null): string | null => date?.toISOString() ?? null;

const toWire = (row: ApiKeyInfo): z.input<typeof keyWire> => ({
  id: row.id,
  role: row.role,
  label: row.label,
  scopes: row.scopes,
  prefix: row.prefix,
  created_at: row.created_at.toISOString(),
  created_by: row.created_by,
  expires_at: instant(row.expires_at),
  revoked_at: instant(row.revoked_at),
  last_used_at: instant(row.last_used_at),
});
