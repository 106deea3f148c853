import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Config, newId } from '#kernel';
import { FilesystemStore, type ObjectStore } from './object-store.ts';

/** Which driver a configuration asks for, in words that name no secret. */
export const storeName = (config: Pick<Config, 'S3_ENDPOINT' | 'S3_BUCKET' | 'ASSENT_HOME'>): string =>
  config.S3_ENDPOINT === undefined
    ? `files below ${join(config.ASSENT_HOME, 'objects')}`
    : `S3 bucket ${config.S3_BUCKET} at ${config.S3_ENDPOINT}`;

/** The store that the configuration names. @throws StorageUnavailableError when its bucket is not there. */
export async function openStore(config: Config): Promise<ObjectStore> {
  if (config.S3_ENDPOINT === undefined) return new FilesystemStore(join(config.ASSENT_HOME, 'objects'));
  const { S3Store } = await import('./s3-store.ts'); // the client's code stays out of a process that has files
  const store = new S3Store({
    endpoint: config.S3_ENDPOINT,
    bucket: config.S3_BUCKET!,
    accessKey: config.S3_ACCESS_KEY!,
    secretKey: config.S3_SECRET_KEY!,
    region: config.S3_REGION,
    pathStyle: config.S3_PATH_STYLE,
  });
  await store.requireBucket();
  return store;
}

/** Writes, measures, reads, lists and deletes one small object: what `doctor` and `/readyz` call "works". @throws what is wrong. */
export async function checkStore(store: ObjectStore): Promise<void> {
  const path = `probe/${newId()}`;
  const bytes = randomBytes(4096);
  const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  await store.put(path, (async function* () { yield bytes; })()); // prettier-ignore
  try {
    if ((await store.size(path)) !== bytes.length) throw new Error('the store gives another size than it was given');
    const parts: Uint8Array[] = [];
    for await (const part of store.get(path, 100, 3000)) parts.push(part);
    if (digest(Buffer.concat(parts)) !== digest(bytes.subarray(100, 3000)))
      throw new Error('the store gives other bytes than it was given');
  } finally {
    await store.delete(path);
  }
  if ((await store.size(path)) !== undefined) throw new Error('the store still has what was deleted');
}
