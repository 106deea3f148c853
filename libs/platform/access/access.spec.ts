import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audit, auditEntities } from '#audit';
import { InvalidInputError, NotFoundError, type Principal, ROLES, newId } from '#kernel';
import { KeyStore } from '#keys';
import { type TestDatabase, temporaryHome, testDatabase } from '#testing';
import { accessEntities } from './access.entities.ts';
import { LinkExpiredError, LinkUsedError, UnauthenticatedError } from './access.errors.ts';
import { ApiKeys, KEY_ROLES } from './api-keys.ts';
import { Authenticator, bearerToken } from './authenticator.ts';
import { Links } from './links.ts';
import { PERMISSIONS, PERMISSION_NAMES, may, roleMay } from './permissions.ts';
import { newToken, parseToken, tokenHash, tokenMatches } from './tokens.ts';

const ADMIN: Principal = { tenantId: 'acme', actorId: 'test', roles: ['admin'] };
let t: TestDatabase;
let place: Awaited<ReturnType<typeof temporaryHome>>;
let apiKeys: ApiKeys;
let links: Links;
let door: Authenticator;
beforeAll(async () => {
  t = await testDatabase([...accessEntities, ...auditEntities] as never[]);
  place = await temporaryHome();
  const keys = await KeyStore.open(place.home + '/keys');
  apiKeys = new ApiKeys(t.db, new Audit(), keys);
  links = new Links(t.db, keys);
  door = new Authenticator(apiKeys, links);
});
afterAll(async () => {
  await t.close();
  await place.remove();
});

describe('the permission table', () => {
  it('denies by default: a permission that is not in it, a role that is not under it, nobody at all', () => {
    expect(may(ADMIN, 'subjects.everything' as never)).toBe(false);
    expect(may({ ...ADMIN, roles: [] }, 'subjects.read')).toBe(false);
    for (const permission of PERMISSION_NAMES) expect(roleMay('system', permission), permission).toBe(false);
    expect(may({ ...ADMIN, roles: ['constructor' as never] }, 'subjects.read')).toBe(false);
    expect(may(ADMIN, 'toString' as never)).toBe(false);
  });

  it('lets nobody but the person give, pause, resume or end a consent', () => {
    expect(PERMISSIONS['consents.answer']).toEqual(['subject']);
    expect(PERMISSIONS['consents.end']).toEqual(['subject']);
  });

  it('keeps the log from who is watched, and keys from everybody but an admin', () => {
    expect(roleMay('operator', 'audit.export')).toBe(false);
    expect(ROLES.filter((role) => roleMay(role, 'keys.manage'))).toEqual(['admin']);
  });

  it('never grants more for being narrowed: scopes and purposes only take away', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ROLES),
        fc.subarray(PERMISSION_NAMES),
        fc.constantFrom(...PERMISSION_NAMES),
        (role, scopes, wanted) => {
          const free: Principal = { tenantId: 'x', actorId: 'x', roles: [role] };
          const narrowed = may({ ...free, scopes }, wanted);
          expect(narrowed).toBe(may(free, wanted) && scopes.includes(wanted));
        },
      ),
    );
  });

  it('does not let a manage link answer or upload', () => {
    const person = (purpose: 'consent' | 'manage'): Principal => ({
      tenantId: 'x', actorId: 'x', roles: ['subject'], link: { id: 'l', purpose, subjectId: 's', consentId: 'c' },
    }); // prettier-ignore
    const by = (purpose: 'consent' | 'manage') => PERMISSION_NAMES.filter((name) => may(person(purpose), name));
    expect(by('consent')).toEqual([
      'consents.read',
      'consents.answer',
      'consents.end',
      'uploads.create',
      'uploads.read',
      'session.read',
    ]);
    expect(by('manage')).toEqual(['consents.read', 'consents.end', 'uploads.read', 'session.read']);
  });
});

describe('tokens', () => {
  it('are read back by their prefix, and nothing else is', () => {
    for (let i = 0; i < 200; i++) {
      const { token, prefix, kind } = newToken(i % 2 ? 'ask' : 'asl');
      expect(parseToken(token)).toEqual({ kind, prefix });
      expect(parseToken(token + 'x')).toBeUndefined();
      expect(parseToken(token.slice(0, -1))).toBeUndefined();
      expect(parseToken(' ' + token)).toBeUndefined();
      expect(parseToken(token + '\n')).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => parseToken(text) === undefined));
  });

  it('match their own hash under their own key only', () => {
    const [a, b] = [newToken('ask').token, newToken('ask').token];
    const [key, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    expect(tokenMatches(key, a, tokenHash(key, a))).toBe(true);
    expect(tokenMatches(key, b, tokenHash(key, a))).toBe(false);
    expect(tokenMatches(other, a, tokenHash(key, a))).toBe(false);
    expect(tokenMatches(key, a, undefined)).toBe(false);
    // An unkeyed hash that somebody wrote into the database opens nothing.
    expect(tokenMatches(key, a, createHash('sha256').update(a).digest())).toBe(false);
  });

  it('come in the Authorization header, as a bearer', () => {
    expect(bearerToken('Bearer abc')).toBe('abc');
    expect(bearerToken('bearer  abc ')).toBe('abc');
    for (const header of [undefined, '', 'abc', 'Basic abc', 'Bearer', 'Bearer a b', 'Bearer é', `Bearer ${'x'.repeat(513)}`])
      expect(bearerToken(header)).toBeUndefined();
  });
});

describe('API keys', () => {
  const issue = (wish: Partial<Parameters<ApiKeys['issue']>[1]> = {}) =>
    apiKeys.issue(ADMIN, { role: 'operator', label: 'a key', ...wish });
  const hashOf = async (id: string): Promise<Buffer> =>
    (await t.db.query<{ key_hash: Buffer }>('SELECT key_hash FROM api_keys WHERE id = $1', [id]))[0]!.key_hash;

  it('open their tenant in their role, and are stored as a keyed hash', async () => {
    const { id, key, prefix } = await issue({ scopes: ['subjects.read'] });
    expect(await apiKeys.authenticate(key)).toEqual({
      tenantId: 'acme', actorId: `key:${id}`, roles: ['operator'], scopes: ['subjects.read'],
    }); // prettier-ignore
    expect(key.startsWith(`ask_${prefix}_`)).toBe(true);
    const [row] = await t.db.query<object>('SELECT * FROM api_keys WHERE id = $1', [id]);
    expect(JSON.stringify(row)).not.toContain(key.slice(-43));
    expect((await hashOf(id)).equals(createHash('sha256').update(key).digest())).toBe(false);
  });

  it('of another secret with the same prefix open nothing', async () => {
    const { key, prefix } = await issue();
    const forged = newToken('ask').token.replace(/^ask_.{8}/, `ask_${prefix}`);
    expect(await apiKeys.authenticate(forged)).toBeUndefined();
    expect(await apiKeys.authenticate(key.replace(/^ask/, 'asl'))).toBeUndefined();
    expect(await apiKeys.authenticate(newToken('ask').token)).toBeUndefined();
  });

  it('moved to another row open nothing: the hash is of prefix and secret', async () => {
    const [first, second] = [await issue(), await issue({ role: 'admin' })];
    await t.db.query('UPDATE api_keys SET key_hash = $2 WHERE id = $1', [second.id, await hashOf(first.id)]);
    const raised = first.key.replace(`_${first.prefix}_`, `_${second.prefix}_`);
    expect(await apiKeys.authenticate(raised)).toBeUndefined();
  });

  it('end when they are revoked, once and in the log once, and by the clock of the database', async () => {
    const { id, key } = await issue({ expiresAt: new Date(Date.now() + 60_000) });
    expect(await apiKeys.authenticate(key)).toBeDefined();
    await t.db.query(`UPDATE api_keys SET expires_at = now() - interval '1 ms' WHERE id = $1`, [id]);
    expect(await apiKeys.authenticate(key)).toBeUndefined();
    await t.db.query('UPDATE api_keys SET expires_at = NULL WHERE id = $1', [id]);
    await Promise.all([apiKeys.revoke(ADMIN, id), apiKeys.revoke(ADMIN, id), apiKeys.revoke(ADMIN, id)]);
    expect(await apiKeys.authenticate(key)).toBeUndefined();
    const events = await t.db.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit_outbox WHERE event ->> 'kind' = 'api-key.revoked' AND event -> 'data' ->> 'keyId' = $1`,
      [id],
    );
    expect(events).toEqual([{ n: 1 }]);
  });

  it('are not issued with scopes that their role does not hold, for a person, for us, or for the past', async () => {
    await expect(issue({ scopes: ['keys.manage'] })).rejects.toThrow(InvalidInputError);
    await expect(issue({ scopes: [] })).rejects.toThrow(InvalidInputError);
    await expect(issue({ role: 'subject' })).rejects.toThrow(InvalidInputError);
    await expect(issue({ role: 'system' })).rejects.toThrow(InvalidInputError);
    await expect(issue({ expiresAt: new Date(0) })).rejects.toThrow(InvalidInputError);
    for (const role of KEY_ROLES) await expect(issue({ role })).resolves.toBeDefined();
  });

  it('of another tenant are not found', async () => {
    const { id } = await issue();
    await expect(apiKeys.revoke({ ...ADMIN, tenantId: 'rival' }, id)).rejects.toThrow(NotFoundError);
    await expect(apiKeys.get('rival', id)).rejects.toThrow(NotFoundError);
    expect((await apiKeys.list('rival', { limit: 100 })).map((row) => row.id)).toEqual([]);
    expect(Object.keys((await apiKeys.list('acme', { limit: 1 }))[0]!)).not.toContain('key_hash');
  });
});

describe("a person's link", () => {
  const about = { subjectId: newId(), consentId: newId() };
  const issue = (expiresAt = new Date(Date.now() + 60_000), purpose: 'consent' | 'manage' = 'consent') =>
    t.db.tx((tx) => links.issue(tx, ADMIN, { ...about, purpose, expiresAt }));

  it('opens one consent of one person, and says nothing of a name', async () => {
    const { id, token } = await issue();
    expect(await door.authenticate(`Bearer ${token}`)).toEqual({
      tenantId: 'acme', actorId: `subject:${about.subjectId}`, roles: ['subject'], link: { id, purpose: 'consent', ...about },
    }); // prettier-ignore
  });

  it('does not exist when the transaction that made it does not commit', async () => {
    let token = '';
    const failed = t.db.tx(async (tx) => {
      ({ token } = await links.issue(tx, ADMIN, { ...about, purpose: 'consent', expiresAt: new Date(Date.now() + 60_000) }));
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await expect(links.authenticate(token)).rejects.toThrow(UnauthenticatedError);
  });

  it('expires, and says so to nobody but who holds it', async () => {
    const { id, token } = await issue();
    await t.db.query('UPDATE links SET expires_at = clock_timestamp() WHERE id = $1', [id]);
    await expect(links.authenticate(token)).rejects.toThrow(LinkExpiredError);
    const forged = token.slice(0, 13) + newToken('asl').token.slice(13);
    await expect(links.authenticate(forged)).rejects.toThrow(UnauthenticatedError);
  });

  it('takes one answer: of twenty at once one is recorded', async () => {
    const { id, token } = await issue();
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => t.db.tx((tx) => links.spend(tx, id))));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(LinkUsedError);
    expect((await links.authenticate(token)).link?.id).toBe(id); // it still shows what became of it
  });

  it('is not spent by an answer that was rolled back', async () => {
    const { id } = await issue();
    const failed = t.db.tx(async (tx) => {
      await links.spend(tx, id);
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await expect(t.db.tx((tx) => links.spend(tx, id))).resolves.toBeUndefined();
  });

  it('is no API key, and an API key is no link', async () => {
    const { token } = await issue();
    expect(await apiKeys.authenticate(token)).toBeUndefined();
    await expect(links.authenticate((await apiKeys.issue(ADMIN, { role: 'admin', label: 'x' })).key)).rejects.toThrow(
      UnauthenticatedError,
    );
  });
});
