import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '#kernel';
import { createDurably, shredFile, writeDurably } from './durable-file.ts';
import { seal, unseal } from './sealing.ts';

/** The subject's key is gone: by erasure, on purpose, for good. */
export class ErasedError extends DomainError {
  override readonly problem = { slug: 'erased', status: 410, title: 'This was erased' } as const;
}

export class KeyStoreError extends DomainError {
  override readonly problem = { slug: 'key-store-unusable', status: 503, title: 'The key store cannot be used' } as const;
}

const KEY_BYTES = 32;
const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/**
 * The key store: a folder OUTSIDE the database and its backups, so that a restored backup does not bring a shredded key back.
 *
 *     root.key                                       32 random bytes, 0600
 *     tenants/<hash>/epoch-N.key                     tenant key, sealed by the root
 *     tenants/<hash>/subjects/<subject>.key          subject key, sealed by the tenant's epoch; `N:` in front says which
 *     tenants/<hash>/subjects/<subject>.destroyed    tombstone: this subject never gets a key again
 *     secrets/<name>.key                             service secrets (log, C2PA, watermark), sealed by the root
 *
 * Every key is random and wrapped, never derived: a derived key cannot be shredded (DESIGN rule 6).
 */
export class KeyStore {
  private constructor(
    private readonly folder: string,
    private readonly root: Buffer,
  ) {}

  /**
   * Opens the folder, making the root key on first use, and finishes erasures that a crash interrupted.
   * @throws KeyStoreError when other users may read the root key or replace files.
   */
  static async open(folder: string): Promise<KeyStore> {
    await mkdir(join(folder, 'tenants'), { recursive: true, mode: 0o700 });
    await mkdir(join(folder, 'secrets'), { recursive: true, mode: 0o700 });
    const path = join(folder, 'root.key');
    await createDurably(path, randomBytes(KEY_BYTES)); // the first of several processes wins; the others read its key
    if (((await stat(folder)).mode & 0o022) !== 0)
      throw new KeyStoreError(`Other users may write to ${folder}. Run: chmod 700 on it.`);
    if (((await stat(path)).mode & 0o077) !== 0) throw new KeyStoreError(`Other users may read ${path}. Run: chmod 600 on it.`);
    const root = await readFile(path);
    if (root.length !== KEY_BYTES) throw new KeyStoreError(`${path} is not a root key: it must hold ${KEY_BYTES} bytes.`);
    const store = new KeyStore(folder, root);
    await store.#finishErasures();
    return store;
  }

  /** Idempotent. @throws ErasedError when the subject was erased: it never gets a key again. */
  async createSubjectKey(tenantId: string, subjectId: string): Promise<void> {
    await mkdir(join(this.#tenantFolder(tenantId), 'subjects'), { recursive: true, mode: 0o700 });
    await this.#refuseErased(tenantId, subjectId);
    const epoch = await this.#currentEpoch(tenantId);
    const subjectKey = randomBytes(KEY_BYTES);
    try {
      const wrapped = await this.#wrapSubjectKey(tenantId, subjectId, subjectKey, epoch);
      if (!(await createDurably(this.#subjectPath(tenantId, subjectId, 'key'), wrapped))) return;
      // A rotation may have listed the folder before our file was in it.
      if ((await this.#currentEpoch(tenantId)) !== epoch) await this.#storeSubjectKey(tenantId, subjectId, subjectKey);
    } catch (error) {
      await this.#shredIfErased(tenantId, subjectId); // an eraser shredded what we were writing
      await this.#refuseErased(tenantId, subjectId);
      throw error;
    } finally {
      subjectKey.fill(0);
    }
    await this.#shredIfErased(tenantId, subjectId);
    await this.#refuseErased(tenantId, subjectId);
  }

  /**
   * Shreds the subject's key. The tombstone comes first: a crash between the two leaves a key that nobody may use any more, and the
   * next call, or the next start, finishes the work. Idempotent.
   */
  async destroySubjectKey(tenantId: string, subjectId: string): Promise<void> {
    await mkdir(join(this.#tenantFolder(tenantId), 'subjects'), { recursive: true, mode: 0o700 });
    await createDurably(this.#subjectPath(tenantId, subjectId, 'destroyed'), new Uint8Array(0));
    await this.#shredIfErased(tenantId, subjectId);
  }

  /** A random key for one object, and the same key wrapped for its row. */
  async newObjectKey(tenantId: string, subjectId: string, objectId: string): Promise<{ key: Buffer; wrapped: Buffer }> {
    const subjectKey = await this.#subjectKey(tenantId, subjectId);
    const key = randomBytes(KEY_BYTES);
    const wrapped = seal(subjectKey, key, objectContext(tenantId, subjectId, objectId));
    subjectKey.fill(0);
    return { key, wrapped };
  }

  /** @throws ErasedError when the subject's key was destroyed; SealBrokenError when the row is another object's. */
  async openObjectKey(tenantId: string, subjectId: string, objectId: string, wrapped: Uint8Array): Promise<Buffer> {
    const subjectKey = await this.#subjectKey(tenantId, subjectId);
    try {
      return unseal(subjectKey, wrapped, objectContext(tenantId, subjectId, objectId));
    } finally {
      subjectKey.fill(0);
    }
  }

  /**
   * A new tenant key; every subject key is wrapped anew. Object keys stay as they are: they hang on the subject key. The epoch before
   * it stays until the next rotation, so that a slower process loses nothing; older ones are shredded, and with them every copy of a
   * subject key file that a disk or a backup still holds from their time. Returns the new epoch.
   */
  async rotateTenant(tenantId: string): Promise<number> {
    const epoch = (await this.#currentEpoch(tenantId)) + 1;
    await this.#makeEpoch(tenantId, epoch);
    for (const subjectId of await this.#subjectsWithKey(tenantId)) {
      let subjectKey: Buffer;
      try {
        subjectKey = await this.#subjectKey(tenantId, subjectId);
      } catch (error) {
        if (error instanceof ErasedError) continue; // erased since we listed the folder
        throw error;
      }
      try {
        await this.#storeSubjectKey(tenantId, subjectId, subjectKey);
      } finally {
        subjectKey.fill(0);
      }
    }
    await this.#retireEpochs(tenantId, epoch - 2);
    return epoch;
  }

  /** A secret of the service itself (log signer, C2PA keys, watermark key): made once, sealed under the root. */
  async serviceSecret(name: string, make: () => Uint8Array | Promise<Uint8Array>): Promise<Buffer> {
    if (!/^[a-z0-9-]+$/.test(name)) throw new KeyStoreError(`"${name}" is not a secret's name.`);
    const path = join(this.folder, 'secrets', `${name}.key`);
    if (!(await exists(path))) {
      const made = await make();
      await createDurably(path, seal(this.root, made, `secret|${name}`)); // of several makers, all use what the first one stored
      made.fill(0);
    }
    return unseal(this.root, await readFile(path), `secret|${name}`);
  }

  async #subjectKey(tenantId: string, subjectId: string): Promise<Buffer> {
    await this.#refuseErased(tenantId, subjectId);
    let file: Buffer;
    try {
      file = await readFile(this.#subjectPath(tenantId, subjectId, 'key'));
    } catch (error) {
      // No key and no tombstone: a lost key store. It reads the same to a caller, because the data is just as gone.
      if (isMissing(error)) throw new ErasedError('There is no key for this person.', {}, { cause: error });
      throw error;
    }
    const epoch = epochOf(file);
    try {
      const tenantKey = await this.#tenantKey(tenantId, epoch);
      try {
        return unseal(tenantKey, file.subarray(file.indexOf(':') + 1), subjectContext(tenantId, subjectId, epoch));
      } finally {
        tenantKey.fill(0);
      }
    } catch (error) {
      await this.#refuseErased(tenantId, subjectId); // we may have read a file that was just being overwritten
      throw error;
    }
  }

  async #wrapSubjectKey(tenantId: string, subjectId: string, subjectKey: Buffer, epoch: number): Promise<Buffer> {
    const tenantKey = await this.#tenantKey(tenantId, epoch);
    try {
      const sealed = seal(tenantKey, subjectKey, subjectContext(tenantId, subjectId, epoch));
      return Buffer.concat([Buffer.from(`${epoch}:`), sealed]);
    } finally {
      tenantKey.fill(0);
    }
  }

  /** Stores a key under the newest epoch, again if a rotation came in between, and not at all if the subject was erased meanwhile. */
  async #storeSubjectKey(tenantId: string, subjectId: string, subjectKey: Buffer): Promise<void> {
    let epoch: number;
    do {
      epoch = await this.#currentEpoch(tenantId);
      const wrapped = await this.#wrapSubjectKey(tenantId, subjectId, subjectKey, epoch);
      try {
        await writeDurably(this.#subjectPath(tenantId, subjectId, 'key'), wrapped);
      } catch (error) {
        if (isMissing(error)) break; // an erasure shredded our temporary file
        throw error;
      }
    } while ((await this.#currentEpoch(tenantId)) !== epoch);
    await this.#shredIfErased(tenantId, subjectId);
  }

  /**
   * The tombstone is written before the eraser shreds, and each writer of a key looks for it after writing: whoever comes last removes
   * the key, without a lock. Takes the temporary files of crashed writers too.
   */
  async #shredIfErased(tenantId: string, subjectId: string): Promise<void> {
    if (!(await exists(this.#subjectPath(tenantId, subjectId, 'destroyed')))) return;
    const folder = join(this.#tenantFolder(tenantId), 'subjects');
    for (const file of await readdir(folder)) if (file.startsWith(`${subjectId}.key`)) await shredFile(join(folder, file));
  }

  async #refuseErased(tenantId: string, subjectId: string): Promise<void> {
    if (await exists(this.#subjectPath(tenantId, subjectId, 'destroyed')))
      throw new ErasedError("This person's data was erased; the subject cannot be used again.");
  }

  async #finishErasures(): Promise<void> {
    for (const tenant of await readdir(join(this.folder, 'tenants'))) {
      const folder = join(this.folder, 'tenants', tenant, 'subjects');
      if (!(await exists(folder))) continue;
      const files = await readdir(folder);
      const erased = new Set(files.flatMap((file) => /^(.+)\.destroyed$/.exec(file)?.slice(1) ?? []));
      for (const file of files) {
        const subjectId = /^(.+?)\.key/.exec(file)?.[1];
        if (subjectId !== undefined && erased.has(subjectId)) await shredFile(join(folder, file));
      }
    }
  }

  async #subjectsWithKey(tenantId: string): Promise<string[]> {
    const folder = join(this.#tenantFolder(tenantId), 'subjects');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await readdir(folder)).filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -'.key'.length));
  }

  async #tenantKey(tenantId: string, epoch: number): Promise<Buffer> {
    const path = join(this.#tenantFolder(tenantId), `epoch-${epoch}.key`);
    try {
      return unseal(this.root, await readFile(path), `tenant|${tenantId}|${epoch}`);
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw new KeyStoreError(`${path} is missing. Restore the key store from its own backup.`, {}, { cause: error });
    }
  }

  async #epochs(tenantId: string): Promise<number[]> {
    const folder = this.#tenantFolder(tenantId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await readdir(folder)).flatMap((file) => /^epoch-(\d+)\.key$/.exec(file)?.slice(1, 2) ?? []).map(Number);
  }

  async #currentEpoch(tenantId: string): Promise<number> {
    const epochs = await this.#epochs(tenantId);
    if (epochs.length > 0) return Math.max(...epochs);
    await this.#makeEpoch(tenantId, 1);
    return 1;
  }

  async #makeEpoch(tenantId: string, epoch: number): Promise<void> {
    const tenantKey = randomBytes(KEY_BYTES);
    await createDurably(
      join(this.#tenantFolder(tenantId), `epoch-${epoch}.key`),
      seal(this.root, tenantKey, `tenant|${tenantId}|${epoch}`),
    );
    tenantKey.fill(0);
  }

  /** Shreds the epochs up to `last`, unless one still wraps a key: then it stays for the next rotation. */
  async #retireEpochs(tenantId: string, last: number): Promise<void> {
    const inUse = new Set<number>();
    for (const subjectId of await this.#subjectsWithKey(tenantId)) {
      try {
        inUse.add(epochOf(await readFile(this.#subjectPath(tenantId, subjectId, 'key'))));
      } catch (error) {
        if (!isMissing(error)) throw error; // erased since we listed the folder: it needs no epoch
      }
    }
    for (const epoch of await this.#epochs(tenantId))
      if (epoch <= last && !inUse.has(epoch)) await shredFile(join(this.#tenantFolder(tenantId), `epoch-${epoch}.key`));
  }

  /** Hashed, so that no tenant name can leave the folder or collide on a file system that folds case. */
  #tenantFolder(tenantId: string): string {
    return join(this.folder, 'tenants', createHash('sha256').update(tenantId).digest('hex').slice(0, 32));
  }

  #subjectPath(tenantId: string, subjectId: string, ending: 'key' | 'destroyed'): string {
    if (!/^[0-9a-f-]{36}$/.test(subjectId)) throw new KeyStoreError('A subject id is a UUID.');
    return join(this.#tenantFolder(tenantId), 'subjects', `${subjectId}.${ending}`);
  }
}

/** Which tenant epoch wraps this subject key file. */
const epochOf = (file: Buffer): number => Number(file.subarray(0, file.indexOf(':')).toString());
const subjectContext = (tenantId: string, subjectId: string, epoch: number): string =>
  `subject|${tenantId}|${subjectId}|${epoch}`;
const objectContext = (tenantId: string, subjectId: string, objectId: string): string =>
  `object|${tenantId}|${subjectId}|${objectId}`;
