import { randomBytes } from 'node:crypto';

/** UUID version 7 (RFC 9562 §5.7): time-ordered, so that B-tree inserts stay local; 74 random bits. */
export function newId(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** An id nobody can guess or order: for status links and anything that leaves the house. 128 random bits, base64url. */
export function opaqueId(): string {
  return randomBytes(16).toString('base64url');
}
