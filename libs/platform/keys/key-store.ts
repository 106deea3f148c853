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

  /** Opens the folder, making the root key on first use. @throws KeyStoreError when others may read the root key. */
  static async open(folder: string): Promise<KeyStore> {
    await mkdir(join(folder, 'tenants'), { recursive: true, mode: 0o700 });
    await mkdir(join(folder, 'secrets'), { recursive: true, mode: 0o700 });
    const path = join(folder, 'root.key');
    await createDurably(path, randomBytes(KEY_BYTES)); // the first of several processes wins; the others read its key
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw new KeyStoreError(`Other users may read ${path}. Run: chmod 600 on it.`);
    const root = await readFile(path);
    if (root.length !== KEY_BYTES) throw new KeyStoreError(`${path} is not a root key: it must hold ${KEY_BYTES} bytes.`);
    return new KeyStore(folder, root);
  }

  async createSubjectKey(tenantId: string, subjectId: string): Promise<void> {
    if (await this.#exists(this.#subjectPath(tenantId, subjectId, 'destroyed')))
      throw new ErasedError('This subject was erased and cannot be used again.');
    const epoch = await this.#currentEpoch(tenantId);
    const tenantKey = await this.#tenantKey(tenantId, epoch);
    const sealed = seal(tenantKey, randomBytes(KEY_BYTES), subjectContext(tenantId, subjectId, epoch));
    tenantKey.fill(0);
    await mkdir(join(this.#tenantFolder(tenantId), 'subjects'), { recursive: true, mode: 0o700 });
    await createDurably(this.#subjectPath(tenantId, subjectId, 'key'), Buffer.concat([Buffer.from(`${epoch}:`), sealed]));
  }

  /**
   * Shreds the subject's key. The tombstone comes first: a crash between the two leaves a key that nobody may use any more, and the
   * next call finishes the work. Idempotent.
   */
  async destroySubjectKey(tenantId: string, subjectId: string): Promise<void> {
    await mkdir(join(this.#tenantFolder(tenantId), 'subjects'), { recursive: true, mode: 0o700 });
    await createDurably(this.#subjectPath(tenantId, subjectId, 'destroyed'), new Uint8Array(0));
    try {
      await shredFile(this.#subjectPath(tenantId, subjectId, 'key'));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
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

  /** A new tenant key; every subject key is wrapped anew. Object keys stay as they are: they hang on the subject key. */
  async rotateTenant(tenantId: string): Promise<number> {
    const epoch = (await this.#currentEpoch(tenantId)) + 1;
    await this.#makeEpoch(tenantId, epoch);
    const folder = join(this.#tenantFolder(tenantId), 'subjects');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const tenantKey = await this.#tenantKey(tenantId, epoch);
    for (const file of await readdir(folder)) {
      if (!file.endsWith('.key')) continue;
      const subjectId = file.slice(0, -4);
      const subjectKey = await this.#subjectKey(tenantId, subjectId);
      await writeDurably(
        join(folder, file),
        Buffer.concat([Buffer.from(`${epoch}:`), seal(tenantKey, subjectKey, subjectContext(tenantId, subjectId, epoch))]),
      );
      subjectKey.fill(0);
    }
    tenantKey.fill(0);
    return epoch;
  }

  /** A secret of the service itself (log signer, C2PA keys, watermark key): made once, sealed under the root. */
  async serviceSecret(name: string, make: () => Uint8Array | Promise<Uint8Array>): Promise<Buffer> {
    if (!/^[a-z0-9-]+$/.test(name)) throw new KeyStoreError(`"${name}" is not a secret's name.`);
    const path = join(this.folder, 'secrets', `${name}.key`);
    if (!(await this.#exists(path))) await createDurably(path, seal(this.root, await make(), `secret|${name}`));
    return unseal(this.root, await readFile(path), `secret|${name}`);
  }

  async #subjectKey(tenantId: string, subjectId: string): Promise<Buffer> {
    if (await this.#exists(this.#subjectPath(tenantId, subjectId, 'destroyed')))
      throw new ErasedError('This person had their data erased.');
    let file: Buffer;
    try {
      file = await readFile(this.#subjectPath(tenantId, subjectId, 'key'));
    } catch (error) {
      // No key and no tombstone: a lost key store. It reads the same to a caller, because the data is just as gone.
      if (isMissing(error)) throw new ErasedError('There is no key for this person.', {}, { cause: error });
      throw error;
    }
    const colon = file.indexOf(':');
    const epoch = Number(file.subarray(0, colon).toString());
    const tenantKey = await this.#tenantKey(tenantId, epoch);
    try {
      return unseal(tenantKey, file.subarray(colon + 1), subjectContext(tenantId, subjectId, epoch));
    } finally {
      tenantKey.fill(0);
    }
  }

  async #tenantKey(tenantId: string, epoch: number): Promise<Buffer> {
    return unseal(
      this.root,
      await readFile(join(this.#tenantFolder(tenantId), `epoch-${epoch}.key`)),
      `tenant|${tenantId}|${epoch}`,
    );
  }

  async #currentEpoch(tenantId: string): Promise<number> {
    const folder = this.#tenantFolder(tenantId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const epochs = (await readdir(folder)).flatMap((file) => /^epoch-(\d+)\.key$/.exec(file)?.slice(1, 2) ?? []).map(Number);
    if (epochs.length > 0) return Math.max(...epochs);
    await this.#makeEpoch(tenantId, 1);
    return 1;
  }

  async #makeEpoch(tenantId: string, epoch: number): Promise<void> {
    await createDurably(
      join(this.#tenantFolder(tenantId), `epoch-${epoch}.key`),
      seal(this.root, randomBytes(KEY_BYTES), `tenant|${tenantId}|${epoch}`),
    );
  }

  /** Hashed, so that no tenant name can leave the folder or collide on a file system that folds case. */
  #tenantFolder(tenantId: string): string {
    return join(this.folder, 'tenants', createHash('sha256').update(tenantId).digest('hex').slice(0, 32));
  }

  #subjectPath(tenantId: string, subjectId: string, ending: 'key' | 'destroyed'): string {
    if (!/^[0-9a-f-]{36}$/.test(subjectId)) throw new KeyStoreError('A subject id is a UUID.');
    return join(this.#tenantFolder(tenantId), 'subjects', `${subjectId}.${ending}`);
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await stat(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }
}

const subjectContext = (tenantId: string, subjectId: string, epoch: number): string =>
  `subject|${tenantId}|${subjectId}|${epoch}`;
const objectContext = (tenantId: string, subjectId: string, objectId: string): string =>
  `object|${tenantId}|${subjectId}|${objectId}`;
