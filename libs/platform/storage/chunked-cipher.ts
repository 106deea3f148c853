import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DomainError } from '#kernel';

/** Plain bytes per chunk. 64 KiB: a ranged read decrypts at most one chunk more than asked on each side. */
export const CHUNK = 64 * 1024;
const TAG = 16;
/** Stored bytes of a full chunk. */
export const SEALED_CHUNK = CHUNK + TAG;

/** The stored bytes are not what was written: changed, moved, cut or another object's. */
export class ObjectCorruptError extends DomainError {
  override readonly problem = { slug: 'object-corrupt', status: 500, title: 'A stored object is damaged' } as const;
}

/** What every chunk is bound to. Moving a chunk, a file or a row makes it unreadable. */
export interface ObjectIdentity {
  readonly tenantId: string;
  readonly subjectId: string;
  readonly objectId: string;
  readonly version: number;
}

/** The nonce is the chunk's number: safe because each object has its own random key and is written once. */
function nonceOf(index: number, final: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(final ? 1 : 0, 0);
  nonce.writeUIntBE(index, 6, 6);
  return nonce;
}

/** The final flag is part of the nonce and the AAD, so a truncated object cannot end early unnoticed. */
const aadOf = (id: ObjectIdentity, index: number, final: boolean): Buffer =>
  Buffer.from(`${id.tenantId}|${id.subjectId}|${id.objectId}|${id.version}|${index}|${final ? 'last' : 'more'}`);

export function sealChunk(key: Uint8Array, id: ObjectIdentity, index: number, final: boolean, plain: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, final));
  cipher.setAAD(aadOf(id, index, final));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws ObjectCorruptError */
export function openChunk(key: Uint8Array, id: ObjectIdentity, index: number, final: boolean, sealed: Uint8Array): Buffer {
  if (sealed.length < TAG) throw new ObjectCorruptError('An object ends in the middle of a chunk.');
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, final));
  decipher.setAAD(aadOf(id, index, final));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG)), decipher.final()]);
  } catch (cause) {
    throw new ObjectCorruptError(`Chunk ${index} of an object does not open.`, {}, { cause });
  }
}

/** Chunks of an object of `bytes` plain bytes. An empty object has one empty, final chunk. */
export const chunkCount = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK));

/** Stored bytes of an object of `bytes` plain bytes. */
export const sealedSize = (bytes: number): number => bytes + TAG * chunkCount(bytes);
