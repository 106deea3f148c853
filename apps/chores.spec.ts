import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConsentService } from '#consent';
import { type Principal, newId } from '#kernel';
import { type TestApi, openTestApi } from './api/api.fixture.ts';
import { chores, keepUp } from './chores.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

it('comes again after its pause, whatever another one does, and ends when it is told', async () => {
  const stop = new AbortController();
  const faults: unknown[] = [];
  let ran = 0;
  const list = [
    { name: 'breaks', everyMs: 1, run: () => Promise.reject(new Error('broken')) },
    { name: 'works', everyMs: 1, run: async () => void ran++ },
  ];
  const kept = keepUp(list, stop.signal, (error) => faults.push(error));
  while (ran < 3 || faults.length < 3) await sleep(5);
  stop.abort();
  await kept;
  const before = ran;
  await sleep(20);
  expect(ran).toBe(before);
});

it('a consent whose term is over expires with its log entry and the word to whatever runs on it, once', async () => {
  const operator: Principal = { tenantId: 'acme', actorId: 'test', roles: ['operator'] };
  const insert = (state: string, until: string): Promise<string> => {
    const id = newId();
    return api.db
      .query(
        `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
         VALUES ($1, 'acme', $2, $3, '{training}', '{}', '{}', 'token-' || $5, now() + $4::interval, 'UTC', 'none')`,
        [id, newId(), state, until, id],
      )
      .then(() => id);
  };
  const [over, paused, lasts, ended] = [await insert('given', '-1 second'), await insert('paused', '-1 day'), await insert('given', '1 hour'), await insert('withdrawn', '-1 day')]; // prettier-ignore
  const [expire] = chores(api.app);
  expect(await Promise.all([expire!.run(), expire!.run()]).then(([a, b]) => Number(a) + Number(b))).toBe(2);
  const states = await Promise.all([over, paused, lasts, ended].map(async (id) => (await api.app.get(ConsentService).get(operator, id)).state)); // prettier-ignore
  expect(states).toEqual(['expired', 'expired', 'given', 'withdrawn']);
  const told = await api.db.query<{ id: string }>(`SELECT payload ->> 'consentId' AS id FROM jobs WHERE kind = 'consent.propagate' AND payload ->> 'state' = 'expired'`); // prettier-ignore
  expect(told.map(({ id }) => id).toSorted()).toEqual([over, paused].toSorted());
});
