import { randomBytes } from 'node:crypto';
import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { InvalidInputError, NotFoundError, type Principal, type Role, newId } from '#kernel';
import type { KeyStore } from '#keys';
import type { ApiKeyRow } from './access.entities.ts';
import { type Permission, roleMay } from './permissions.ts';
import { newToken, parseToken, tokenHash, tokenMatches } from './tokens.ts';

/** Roles that a key can have. A person comes through a link, and `system` is no caller. */
export const KEY_ROLES = ['operator', 'approver', 'auditor', 'admin'] as const satisfies readonly Role[];
export type KeyRole = (typeof KEY_ROLES)[number];

export interface NewApiKey {
  readonly role: Role;
  /** For people, in lists. Never logged. */
  readonly label: string;
  /** Only these of the role's permissions. */
  readonly scopes?: readonly Permission[];
  readonly expiresAt?: Date;
}

/** Without the hash: what lists show. */
export type ApiKeyInfo = Omit<ApiKeyRow, 'key_hash'>;
const INFO = 'id, tenant_id, role, label, scopes, prefix, created_by, created_at, expires_at, revoked_at, last_used_at';

export class ApiKeys {
  #hashKey: Promise<Buffer> | undefined;

  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly keys: KeyStore,
  ) {}

  /** The key itself is in the answer and nowhere else. @throws InvalidInputError for a scope that the role does not hold. */
  async issue(principal: Principal, wish: NewApiKey): Promise<{ id: string; key: string; prefix: string }> {
    requireIssuable(wish);
    const id = newId();
    const { token, prefix } = newToken('ask');
    const hash = tokenHash(await this.#key(), token);
    await this.db.tx(async (tx) => {
      await rows(
        tx,
        `INSERT INTO api_keys (id, tenant_id, role, label, scopes, prefix, key_hash, created_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          id,
          principal.tenantId,
          wish.role,
          wish.label,
          wish.scopes ?? null,
          prefix,
          hash,
          principal.actorId,
          wish.expiresAt ?? null,
        ],
      );
      await this.audit.append(tx, principal, { kind: 'api-key.created', data: { keyId: id, role: wish.role } });
    });
    return { id, key: token, prefix };
  }

  /** Undefined for a key that is not valid now, whatever the reason. By the database's clock. */
  async authenticate(token: string): Promise<Principal | undefined> {
    const parsed = parseToken(token);
    if (parsed?.kind !== 'ask') return undefined;
    const [row] = await this.db.query<ApiKeyRow & { usable: boolean; stale: boolean }>(
      `SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS usable,
         last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '5 minutes' AS stale
       FROM api_keys WHERE prefix = $1`,
      [parsed.prefix],
    );
    if (!tokenMatches(await this.#key(), token, row?.key_hash)) return undefined;
    if (!row!.usable) return undefined;
    // To the nearest five minutes: a write for each request would cost more than the answer is worth.
    if (row!.stale) await this.db.query('UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = $1', [row!.id]);
    return {
      tenantId: row!.tenant_id,
      actorId: `key:${row!.id}`,
      roles: [row!.role],
      ...(row!.scopes === null ? {} : { scopes: row!.scopes }),
    };
  }

  /** One page, newest first; ids are in order of time. `after` is the last id of the page before. */
  async list(tenantId: string, page: { limit: number; after?: string }): Promise<ApiKeyInfo[]> {
    return this.db.query<ApiKeyInfo>(
      `SELECT ${INFO} FROM api_keys WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
      [tenantId, page.after ?? null, page.limit],
    );
  }

  async get(tenantId: string, id: string): Promise<ApiKeyInfo> {
    const [row] = await this.db.query<ApiKeyInfo>(`SELECT ${INFO} FROM api_keys WHERE tenant_id = $1 AND id = $2`, [
      tenantId,
      id,
    ]);
    if (!row) throw new NotFoundError('There is no API key with this id.');
    return row;
  }

  /** From its commit on the key opens nothing. Idempotent. */
  async revoke(principal: Principal, id: string): Promise<ApiKeyInfo> {
    await this.db.tx(async (tx) => {
      const [found] = await rows<{ fresh: boolean }>(
        tx,
        `UPDATE api_keys k SET revoked_at = coalesce(k.revoked_at, clock_timestamp())
         FROM (SELECT id, revoked_at IS NULL AS fresh FROM api_keys WHERE tenant_id = $1 AND id = $2 FOR UPDATE) old
         WHERE k.id = old.id RETURNING old.fresh`,
        [principal.tenantId, id],
      );
      if (!found) throw new NotFoundError('There is no API key with this id.');
      if (found.fresh) await this.audit.append(tx, principal, { kind: 'api-key.revoked', data: { keyId: id } });
    });
    return this.get(principal.tenantId, id);
  }

  #key(): Promise<Buffer> {
    return (this.#hashKey ??= this.keys.serviceSecret('api-keys', () => randomBytes(32)));
  }
}

function requireIssuable({ role, scopes, expiresAt }: NewApiKey): void {
  if (!(KEY_ROLES as readonly Role[]).includes(role))
    throw new InvalidInputError(`A key has one of the roles ${KEY_ROLES.join(', ')}.`, [
      { pointer: '/role', detail: 'not a role of a key' },
    ]);
  const beyond = (scopes ?? []).filter((scope) => !roleMay(role, scope));
  if (beyond.length > 0 || scopes?.length === 0)
    throw new InvalidInputError(
      scopes?.length === 0
        ? 'A key without any scope would open nothing.'
        : `The role ${role} does not hold ${beyond.join(', ')}.`,
      [{ pointer: '/scopes', detail: 'only permissions of the role' }],
    );
  if (expiresAt !== undefined && expiresAt.getTime() <= Date.now())
    throw new InvalidInputError('The key would be expired already.', [{ pointer: '/expires_at', detail: 'not in the future' }]);
}
