import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEY_ROLES, Links, PERMISSIONS, type Permission, may, roleMay } from '#access';
import { declaredRoutes } from '#http';
import { type Principal, newId, shipped } from '#kernel';
import { TENANT, type TestApi, call, openTestApi } from './api.fixture.ts';
import { seedThings } from './things.fixture.ts';

interface Operation {
  readonly 'x-permission': Permission | 'public';
  readonly parameters?: readonly { name: string; in: string }[];
}
/** Every route × method, as the document that clients read has them. */
const operations = Object.entries(
  (JSON.parse(readFileSync(shipped('openapi.json'), 'utf8')) as { paths: Record<string, Record<string, Operation>> }).paths,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    method: method.toUpperCase(),
    path,
    permission: operation['x-permission'],
    name: `${method.toUpperCase()} ${path}`,
  })),
);
const guarded = operations.filter(({ permission }) => permission !== 'public');

/** With ids of nothing in the places of ids. */
const address = (path: string, id = newId()): string => path.replace(/\{\w+\}/g, id);

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

async function linkFor(purpose: 'consent' | 'manage', expiresAt = new Date(Date.now() + 600_000)): Promise<string> {
  const issuer: Principal = { tenantId: TENANT, actorId: 'test', roles: ['system'] };
  const links = api.app.get(Links, { strict: false });
  return (await api.db.tx((tx) => links.issue(tx, issuer, { subjectId: newId(), consentId: newId(), purpose, expiresAt }))).token;
}

/** A request that says nothing but who asks: what comes back tells whether the guard let it through. */
const knock = (method: string, path: string, key?: string) => call(api, method, path, key === undefined ? {} : { key });

const deniedOf = async (actorId: string): Promise<string[]> => {
  await api.platform.sequencer.drain();
  const found = await api.db.query<{ line: string }>(
    `SELECT line FROM log_entries WHERE line LIKE '%access.denied%' ORDER BY idx`,
  );
  return found
    .map(({ line }) => JSON.parse(line) as { actor: string; data: { action: string } })
    .flatMap(({ actor, data }) => (actor === actorId ? [data.action] : []));
};

describe('every route of openapi.json', () => {
  it('is there, each with a permission of the table', () => {
    expect(operations.length).toBe(declaredRoutes().filter(({ hidden }) => !hidden).length);
    expect(guarded.length).toBeGreaterThan(10);
    for (const { permission, name } of guarded) expect(PERMISSIONS, name).toHaveProperty([permission]);
  });

  it('answers 401 to nobody, to a wrong key and to a key in the wrong place', async () => {
    const wrong = api.keys.admin.slice(0, -2) + (api.keys.admin.endsWith('AA') ? 'BB' : 'AA');
    for (const { method, path, name } of guarded) {
      for (const key of [undefined, wrong, 'ask_x', 'asl_' + wrong.slice(4)]) {
        const answer = await knock(method, address(path), key);
        expect([name, answer.status]).toEqual([name, 401]);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
        if (method !== 'HEAD') expect(answer.body).toMatchObject({ code: 'unauthenticated' });
      }
      const inQuery = await call(api, method, `${address(path)}?access_token=${api.keys.admin}&key=${api.keys.admin}`);
      expect([name, inQuery.status]).toEqual([name, 401]);
    }
  });

  it.each(KEY_ROLES)('lets %s in exactly where the table says so', async (role) => {
    for (const { method, path, permission, name } of guarded) {
      const { status, body } = await knock(method, address(path), api.keys[role]);
      if (roleMay(role, permission as Permission))
        expect([name, status], JSON.stringify(body)).not.toEqual([name, expect.toBeOneOf([401, 403])]);
      else {
        expect([name, status]).toEqual([name, 403]);
        if (method !== 'HEAD') expect(body).toMatchObject({ code: 'permission-denied', permission });
      }
    }
  });

  it('writes each refusal into the log, with the permission and never the path', async () => {
    const id = (await call(api, 'GET', '/v1/api-keys?limit=200', { key: api.keys.admin })).body['data'] as {
      id: string;
      role: string;
    }[];
    for (const role of KEY_ROLES) {
      const refused = guarded
        .filter(({ permission }) => !roleMay(role, permission as Permission))
        .map(({ permission }) => permission);
      expect((await deniedOf(`key:${id.find((key) => key.role === role)!.id}`)).toSorted()).toEqual(refused.toSorted());
    }
  });

  it.each(['consent', 'manage'] as const)('lets a person with a %s link in exactly where the table says so', async (purpose) => {
    const token = await linkFor(purpose);
    const person: Principal = {
      tenantId: TENANT,
      actorId: 'x',
      roles: ['subject'],
      link: { id: '', purpose, subjectId: '', consentId: '' },
    };
    for (const { method, path, permission, name } of guarded) {
      const { status, body } = await knock(method, address(path), token);
      if (may(person, permission as Permission))
        expect([name, status, body['code']]).not.toEqual([name, 403, 'permission-denied']);
      else expect([name, status]).toEqual([name, 403]);
    }
  });

  it('narrows a key to its scopes', async () => {
    const made = await call(api, 'POST', '/v1/api-keys', {
      key: api.keys.admin,
      body: { role: 'admin', label: 'scraper', scopes: ['metrics.read'] },
    });
    for (const { method, path, permission, name } of guarded) {
      const { status } = await knock(method, address(path), String(made.body['key']));
      if (permission === 'metrics.read') expect([name, status]).toEqual([name, 200]);
      else expect([name, status]).toEqual([name, 403]);
    }
  });
});

/** What each route wants before it looks for its id. */
const HEADERS: Record<string, Record<string, string>> = {
  'HEAD /v1/uploads/{id}': { 'tus-resumable': '1.0.0' },
  'DELETE /v1/uploads/{id}': { 'tus-resumable': '1.0.0' },
  'PATCH /v1/uploads/{id}': {
    'tus-resumable': '1.0.0',
    'upload-offset': '0',
    'content-type': 'application/offset+octet-stream',
  },
};
/** Bodies that a person's routes want before they look for their id. */
const BODIES: Record<string, { body: unknown }> = {
  'POST /v1/consents/{id}/notice-shown': { body: { locale: 'en', text_sha256: '0'.repeat(64) } },
  'POST /v1/consents/{id}/evidence': {
    body: { capture_id: newId(), upload_id: newId(), purposes: ['training'], confirmed: true },
  },
};
const withoutInstance = (body: Record<string, unknown>): unknown => ({ ...body, instance: undefined });

describe('another tenant', () => {
  /** One of everything that has an id, made by `acme`. */
  const things: Record<string, string> = {};
  beforeAll(async () => {
    const subject = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator, body: { name: 'Ann' } });
    things['subjects'] = String(subject.body['id']);
    const key = await call(api, 'POST', '/v1/api-keys', { key: api.keys.admin, body: { role: 'auditor', label: 'x' } });
    things['api-keys'] = String(key.body['id']);
    Object.assign(things, await seedThings(api.db, TENANT, things['subjects']));
  });

  const withId = guarded.filter(({ path }) => path.includes('{id}'));
  it('there is one of everything', () => {
    const kinds = new Set(withId.map(({ path }) => path.split('/')[2]!));
    for (const kind of kinds) expect(things, kind).toHaveProperty([kind]);
  });

  it('sees 404 under every id, whatever it may do at home, and changes nothing', async () => {
    const before = await snapshot(things);
    for (const { method, path, permission, name } of withId) {
      const id = things[path.split('/')[2]!]!;
      for (const role of KEY_ROLES.filter((one) => roleMay(one, permission as Permission))) {
        const real = await call(api, method, address(path, id), { key: api.otherTenant[role], headers: HEADERS[name] ?? {} });
        const none = await call(api, method, address(path), { key: api.otherTenant[role], headers: HEADERS[name] ?? {} });
        expect([name, role, real.status], JSON.stringify(real.body)).toEqual([name, role, 404]);
        if (method !== 'HEAD') expect(real.body).toMatchObject({ code: 'not-found' });
        expect(withoutInstance(real.body)).toEqual(withoutInstance(none.body)); // word for word: no difference to learn from
      }
    }
    expect(await snapshot(things)).toEqual(before);
  });

  it('finds nothing of it in any list', async () => {
    for (const { method, path, permission } of guarded.filter((one) => one.method === 'GET' && !one.path.includes('{'))) {
      const role = KEY_ROLES.find((one) => roleMay(one, permission as Permission));
      if (role === undefined || /export|metrics/.test(path)) continue;
      const { body } = await call(api, method, path, { key: api.otherTenant[role] });
      for (const id of Object.values(things)) expect([path, JSON.stringify(body).includes(id)]).toEqual([path, false]);
    }
  });

  async function snapshot(ids: Record<string, string>): Promise<unknown> {
    return {
      subject: await api.db.query('SELECT state, erased_at FROM subjects WHERE id = $1', [ids['subjects']]),
      key: await api.db.query('SELECT revoked_at FROM api_keys WHERE id = $1', [ids['api-keys']]),
      consent: await api.db.query('SELECT state FROM consents WHERE id = $1', [ids['consents']]),
    };
  }
});

describe('another person of the same tenant', () => {
  it('finds nothing of the first one through a link: 404 under every id, and in no list', async () => {
    const subject = await call(api, 'POST', '/v1/subjects', { key: api.keys.operator });
    const things: Record<string, string> = { subjects: String(subject.body['id']) };
    Object.assign(things, await seedThings(api.db, TENANT, things['subjects']!));
    for (const purpose of ['consent', 'manage'] as const) {
      const token = await linkFor(purpose); // of a consent of somebody else
      const person: Principal = {
        tenantId: TENANT,
        actorId: 'x',
        roles: ['subject'],
        link: { id: '', purpose, subjectId: '', consentId: '' },
      };
      for (const { method, path, name } of guarded.filter((one) => may(person, one.permission as Permission))) {
        const id = things[path.split('/')[2]!];
        const { status, body } = await call(api, method, address(path, id), {
          key: token,
          headers: HEADERS[name] ?? {},
          ...BODIES[name],
        });
        if (path.includes('{id}')) expect([name, status], JSON.stringify(body)).toEqual([name, 404]);
        else
          for (const hidden of Object.values(things))
            expect([name, JSON.stringify(body).includes(hidden)]).toEqual([name, false]);
      }
    }
  });
});
