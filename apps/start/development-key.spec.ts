import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiKeys } from '#access';
import { Audit } from '#audit';
import { loadConfig } from '#kernel';
import { KeyStore } from '#keys';
import { type TestDatabase, temporaryHome, testDatabase } from '#testing';
import { DevelopmentKeyRefusedError, developmentKey } from './development-key.ts';
import { PortUnavailableError, requirePort } from './ports.ts';
import { inUrl } from './platform-supervisor.ts';

let t: TestDatabase;
let place: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => {
  t = await testDatabase();
  place = await temporaryHome();
});
afterAll(async () => {
  await t.close();
  await place.remove();
});
const config = (more: Record<string, string> = {}) => loadConfig({ ASSENT_HOME: place.home, ...more });

it('is the same on the second start, opens the API as admin of tenant dev, and lies in a file of its owner alone', async () => {
  const key = await developmentKey(config(), t.url);
  expect(await developmentKey(config(), t.url)).toBe(key);
  const keys = await KeyStore.open(join(place.home, 'keys'));
  const apiKeys = new ApiKeys(t.db, new Audit(keys), keys);
  expect(await apiKeys.authenticate(key)).toMatchObject({ tenantId: 'dev', roles: ['admin'] });
  expect((await stat(join(place.home, 'development-key'))).mode & 0o777).toBe(0o600);
});

it('is a new one when the stored one opens nothing any more', async () => {
  const key = await developmentKey(config(), t.url);
  await writeFile(join(place.home, 'development-key'), 'ask_aaaaaaaa_of-another-database\n');
  const next = await developmentKey(config(), t.url);
  expect(next).not.toBe(key);
  expect(next).toMatch(/^ask_/);
});

it('is refused in production, and nothing is made', async () => {
  const before = await t.db.query('SELECT id FROM api_keys');
  await expect(developmentKey(config({ NODE_ENV: 'production' }), t.url)).rejects.toThrow(DevelopmentKeyRefusedError);
  expect(await t.db.query('SELECT id FROM api_keys')).toEqual(before);
});

it('a port is looked at before anything starts; 0 takes a free one', async () => {
  const taken = createServer();
  const port = await new Promise<number>((done) =>
    taken.listen(0, '127.0.0.1', () => done((taken.address() as { port: number }).port)),
  );
  await expect(requirePort('127.0.0.1', port)).rejects.toThrow(PortUnavailableError);
  await expect(requirePort('127.0.0.1', port)).rejects.toThrow(/is in use by another program/);
  await expect(requirePort('192.0.2.1', 0)).rejects.toThrow(/not an address of this machine/);
  expect(await requirePort('127.0.0.1', 0)).toBeGreaterThan(0);
  await new Promise((done) => taken.close(done));
});

it('an address that means all of them is no address to connect to', () => {
  expect(['0.0.0.0', '::', '::1', 'localhost'].map(inUrl)).toEqual(['127.0.0.1', '[::1]', '[::1]', 'localhost']);
});
