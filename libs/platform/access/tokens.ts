import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** `ask`: an API key. `asl`: a person's link. The words stand in front so that a leaked token can be recognised by scanners. */
export type TokenKind = 'ask' | 'asl';

export interface ParsedToken {
  readonly kind: TokenKind;
  /** Public part: names the row, and may be shown in lists. */
  readonly prefix: string;
}

export interface NewToken extends ParsedToken {
  /** Shown once, never stored. 256 random bits after the prefix. */
  readonly token: string;
}

const PREFIX_LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789'; // 32 letters: 5 bits each, none taken for another

export function newToken(kind: TokenKind): NewToken {
  const prefix = [...randomBytes(8)].map((byte) => PREFIX_LETTERS[byte & 31]).join('');
  return { kind, prefix, token: `${kind}_${prefix}_${randomBytes(32).toString('base64url')}` };
}

/** Undefined for anything that we did not make: nothing of it reaches the database. */
export function parseToken(token: string): ParsedToken | undefined {
  const found = /^(ask|asl)_([a-km-np-z2-9]{8})_[A-Za-z0-9_-]{43}$/.exec(token);
  return found === null ? undefined : { kind: found[1] as TokenKind, prefix: found[2]! };
}

/**
 * What is stored instead of a token: HMAC-SHA-256 under a key from the key store. Whoever reads the database can neither use a token nor
 * test guesses, and whoever writes into it cannot make one up.
 */
export const tokenHash = (key: Uint8Array, token: string): Buffer => createHmac('sha256', key).update(token, 'ascii').digest();

/** In the same time whatever differs, and as long for a prefix that names no row. */
export function tokenMatches(key: Uint8Array, token: string, stored: Uint8Array | undefined): boolean {
  const given = tokenHash(key, token);
  return timingSafeEqual(given, stored ?? Buffer.alloc(given.length)) && stored !== undefined;
}
