import { chmod, copyFile, link, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { ErasedError, KeyStore, KeyStoreError } from './key-store.ts';
import { SealBrokenError, seal, unseal } from './sealing.ts';

let home: string;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'assent-keys-'))));
afterEach(() => rm(home, { recursive: true, force: true }));

/** Every file of the key store whose name matches. */
async function find(pattern: RegExp): Promise<string[]> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile() && pattern.test(e.name)).map((e) => join(e.parentPath, e.name));
}

async function subject(keys: KeyStore, tenantId = 'acme'): Promise<string> {
  const id = newId();
  await keys.createSubjectKey(tenantId, id);
  return id;
}

describe('sealing', () => {
  const key = Buffer.alloc(32, 7);

  it('opens only with the same key and context', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (plain, context) => {
        const sealed = seal(key, plain, context);
        expect(unseal(key, sealed, context)).toEqual(Buffer.from(plain));
        expect(() => unseal(Buffer.alloc(32, 8), sealed, context)).toThrow(SealBrokenError);
        expect(() => unseal(key, sealed, `${context}x`)).toThrow(SealBrokenError);
      }),
    );
  });

  it('refuses every single flipped bit and every cut', () => {
    const sealed = seal(key, Buffer.from('secret'), 'here');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => unseal(key, changed, 'here')).toThrow(SealBrokenError);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(() => unseal(key, sealed.subarray(0, length), 'here')).toThrow(SealBrokenError);
  });
});

describe('the root key', () => {
  it('is 32 bytes that only the owner reads, made once by whoever comes first', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => KeyStore.open(home)));
    const { size, mode } = await stat(join(home, 'root.key'));
    expect([size, mode & 0o777]).toEqual([32, 0o600]);
    const id = await subject(stores[0]!);
    const { key, wrapped } = await stores[0]!.newObjectKey('acme', id, 'o');
    for (const store of stores) expect(await store.openObjectKey('acme', id, 'o', wrapped)).toEqual(key);
    expect(await find(/\.tmp$/)).toEqual([]);
  });

  it.each(['604', '640', '660'])('is refused when others may read it (%s)', async (mode) => {
    await KeyStore.open(home);
    await chmod(join(home, 'root.key'), Number.parseInt(mode, 8));
    await expect(KeyStore.open(home)).rejects.toThrow(KeyStoreError);
  });

  it('is refused in a folder where others may replace it', async () => {
    await KeyStore.open(home);
    await chmod(home, 0o770);
    await expect(KeyStore.open(home)).rejects.toThrow(/chmod 700/);
  });

  it('is refused when it was cut', async () => {
    await writeFile(join(home, 'root.key'), Buffer.alloc(31), { mode: 0o600 });
    await expect(KeyStore.open(home)).rejects.toThrow(/32 bytes/);
  });
});

describe('service secrets', () => {
  it('are made once and the same for all, also when several processes make them together', async () => {
    const keys = await KeyStore.open(home);
    let n = 0;
    const all = await Promise.all(Array.from({ length: 6 }, () => keys.serviceSecret('log', () => Buffer.from([++n, 1, 2]))));
    for (const secret of all) expect(secret).toEqual(all[0]);
    expect(await (await KeyStore.open(home)).serviceSecret('log', () => Buffer.from('other'))).toEqual(all[0]);
  });

  it('cannot stand in for each other', async () => {
    const keys = await KeyStore.open(home);
    await keys.serviceSecret('witness', () => Buffer.from('a'));
    await copyFile(join(home, 'secrets/witness.key'), join(home, 'secrets/log.key'));
    await expect(keys.serviceSecret('log', () => Buffer.from('b'))).rejects.toThrow(SealBrokenError);
  });

  it.each(['../root', 'a/b', 'A', ''])('have no name that leaves their folder (%j)', async (name) => {
    const keys = await KeyStore.open(home);
    await expect(keys.serviceSecret(name, () => Buffer.from('x'))).rejects.toThrow(KeyStoreError);
  });
});

describe('object keys', () => {
  it('open only for their own tenant, subject and object', async () => {
    const keys = await KeyStore.open(home);
    const [mine, other] = [await subject(keys), await subject(keys)];
    const foreign = await subject(keys, 'globex');
    const { key, wrapped } = await keys.newObjectKey('acme', mine, 'object');
    expect(await keys.openObjectKey('acme', mine, 'object', wrapped)).toEqual(key);
    await expect(keys.openObjectKey('acme', mine, 'another', wrapped)).rejects.toThrow(SealBrokenError);
    await expect(keys.openObjectKey('acme', other, 'object', wrapped)).rejects.toThrow(SealBrokenError);
    await expect(keys.openObjectKey('globex', foreign, 'object', wrapped)).rejects.toThrow(SealBrokenError);
  });

  it('a key file moved to another subject opens nothing', async () => {
    const keys = await KeyStore.open(home);
    const [mine, thief] = [await subject(keys), await subject(keys)];
    const [own] = await find(new RegExp(`${mine}\\.key`));
    const { wrapped } = await keys.newObjectKey('acme', mine, 'object');
    await copyFile(own!, own!.replace(mine, thief));
    await expect(keys.openObjectKey('acme', thief, 'object', wrapped)).rejects.toThrow(SealBrokenError);
  });

  it('no name of a tenant or subject leaves the folder', async () => {
    const keys = await KeyStore.open(home);
    await subject(keys, '../../etc');
    await expect(keys.createSubjectKey('acme', '../../x')).rejects.toThrow(KeyStoreError);
    expect((await find(/\.key$/)).every((file) => file.startsWith(home))).toBe(true);
  });
});

describe('erasure', () => {
  it('overwrites the key before unlinking it and never lets the subject come back', async () => {
    const keys = await KeyStore.open(home);
    const id = await subject(keys);
    const { wrapped } = await keys.newObjectKey('acme', id, 'o');
    const [file] = await find(new RegExp(`${id}\\.key`));
    await link(file!, join(home, 'kept')); // a second name for the same blocks on the disk
    await keys.destroySubjectKey('acme', id);
    await keys.destroySubjectKey('acme', id);
    expect((await readFile(join(home, 'kept'))).every((byte) => byte === 0)).toBe(true);
    expect(await find(new RegExp(`${id}\\.key`))).toEqual([]);
    await expect(keys.openObjectKey('acme', id, 'o', wrapped)).rejects.toMatchObject({
      problem: { slug: 'erased', status: 410 },
    });
    await expect(keys.newObjectKey('acme', id, 'p')).rejects.toThrow(ErasedError);
    await expect(keys.createSubjectKey('acme', id)).rejects.toThrow(ErasedError);
  });

  it('holds from the tombstone on and is finished by the next start', async () => {
    const keys = await KeyStore.open(home);
    const id = await subject(keys);
    const { wrapped } = await keys.newObjectKey('acme', id, 'o');
    const [file] = await find(new RegExp(`${id}\\.key`));
    await writeFile(file!.replace('.key', '.destroyed'), ''); // killed right after the tombstone
    await copyFile(file!, `${file!}.0011.tmp`); // and a rotation was killed half-way before it
    await expect(keys.openObjectKey('acme', id, 'o', wrapped)).rejects.toThrow(ErasedError);
    await KeyStore.open(home);
    expect(await find(new RegExp(`${id}\\.key`))).toEqual([]);
  });

  it('wins against a rotation or a creation that runs at the same time', async () => {
    const keys = await KeyStore.open(home);
    for (let round = 0; round < 25; round++) {
      const id = await subject(keys);
      const again = keys.createSubjectKey('acme', id).catch((error: unknown) => error);
      await Promise.all([keys.rotateTenant('acme'), keys.destroySubjectKey('acme', id), again]);
      expect(await find(new RegExp(`${id}\\.key`))).toEqual([]);
    }
  });
});

describe('rotation', () => {
  it('keeps every object readable and retires old epochs', async () => {
    const keys = await KeyStore.open(home);
    const id = await subject(keys);
    const { key, wrapped } = await keys.newObjectKey('acme', id, 'o');
    const [file] = await find(new RegExp(`${id}\\.key`));
    const before = await readFile(file!);
    expect([await keys.rotateTenant('acme'), await keys.rotateTenant('acme')]).toEqual([2, 3]);
    expect(await keys.openObjectKey('acme', id, 'o', wrapped)).toEqual(key);
    expect((await find(/^epoch-/)).map((path) => path.slice(-'epoch-N.key'.length)).toSorted()).toEqual([
      'epoch-2.key',
      'epoch-3.key',
    ]);
    // An old copy of the subject key file, as a backup may hold it, opens nothing any more.
    await writeFile(file!, before);
    await expect(keys.openObjectKey('acme', id, 'o', wrapped)).rejects.toThrow(KeyStoreError);
  });

  it('loses no subject that is created meanwhile', async () => {
    const keys = await KeyStore.open(home);
    await subject(keys);
    const made: Promise<string>[] = [];
    for (let round = 0; round < 5; round++) {
      const rotating = keys.rotateTenant('acme');
      for (let i = 0; i < 5; i++) made.push(subject(keys));
      await rotating;
    }
    for (const id of await Promise.all(made)) {
      const { wrapped } = await keys.newObjectKey('acme', id, 'o');
      expect(await keys.openObjectKey('acme', id, 'o', wrapped)).toHaveLength(32);
    }
  });
});
