import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DomainError } from '#kernel';

/** A sealed value does not open: wrong key, wrong place, or changed bytes. Never says which. */
export class SealBrokenError extends DomainError {
  override readonly problem = { slug: 'seal-broken', status: 500, title: 'Stored data does not open' } as const;
}

const NONCE = 12;
const TAG = 16;

/** AES-256-GCM with a random nonce: nonce ‖ ciphertext ‖ tag. `context` is authenticated, so a sealed key opens only in its place. */
export function seal(key: Uint8Array, plain: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws SealBrokenError */
export function unseal(key: Uint8Array, sealed: Uint8Array, context: string): Buffer {
  if (sealed.length < NONCE + TAG) throw new SealBrokenError('A sealed value is too short.');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, sealed.length - TAG)), decipher.final()]);
  } catch (cause) {
    throw new SealBrokenError('A sealed value does not open with this key in this place.', {}, { cause });
  }
}
