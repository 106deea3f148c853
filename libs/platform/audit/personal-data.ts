import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { rows } from '#db';
import { InvalidInputError, type Principal, type Tx } from '#kernel';
import { canonicalJson } from '#tlog';

/**
 * Keys for personal fields, one per event, wrapped under the key of the person they are about. `KeyStore` of the keys room is one;
 * this room may not reach it (layers), so it is handed in. After `destroySubjectKey` both methods throw, and the fields are gone.
 */
export interface DisclosureSealer {
  newObjectKey(tenantId: string, subjectId: string, objectId: string): Promise<{ key: Buffer; wrapped: Buffer }>;
  openObjectKey(tenantId: string, subjectId: string, objectId: string, wrapped: Uint8Array): Promise<Buffer>;
}

/** Personal fields of one event. Values are kept exact but for NFC; the log holds digests only. */
export interface PersonalFields {
  readonly subjectId: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** `[salt, name, value]` of RFC 9901 §4.2.1, base64url of its JSON: what is hashed, and what is shown to prove a field. */
export interface Disclosure {
  readonly eventId: string;
  readonly name: string;
  readonly value: string;
  readonly encoded: string;
  readonly digest: string;
}

const NONCE = 12;
const TAG = 16;
const FIELD_NAME = /^[a-z][a-z0-9_]{0,31}$/;
const MAX_VALUE_BYTES = 2048;

/** RFC 9901 §4.2.4: digest over the ASCII bytes of the encoded disclosure, base64url. */
export const disclosureDigest = (encoded: string): string => createHash('sha256').update(encoded, 'ascii').digest('base64url');

/**
 * One disclosure with a fresh 128-bit salt: without the salt a digest of a name or an e-mail address could be found by trying a list.
 * @throws InvalidInputError for NUL, a lone surrogate, a value over 2 KiB, or a name that is not one.
 */
export function disclose(eventId: string, name: string, value: string, salt: Uint8Array = randomBytes(16)): Disclosure {
  const pointer = `/personal/${name}`;
  if (!FIELD_NAME.test(name))
    throw new InvalidInputError('A personal field has a lower-case name of up to 32 letters.', [
      { pointer: '/personal', detail: 'name' },
    ]);
  if (value.includes('\0') || /\p{Surrogate}/u.test(value))
    throw new InvalidInputError('A text holds a character that cannot be stored.', [
      { pointer, detail: 'NUL or half a character' },
    ]);
  const exact = value.normalize('NFC');
  if (Buffer.byteLength(exact) > MAX_VALUE_BYTES)
    throw new InvalidInputError(`A personal field holds at most ${MAX_VALUE_BYTES} bytes.`, [{ pointer, detail: 'too long' }]);
  const encoded = Buffer.from(canonicalJson([Buffer.from(salt).toString('base64url'), name, exact])).toString('base64url');
  return { eventId, name, value: exact, encoded, digest: disclosureDigest(encoded) };
}

/** Seals the disclosures of one event under a key of its own and stores them in the caller's transaction. Returns the digests, sorted. */
export async function storeDisclosures(
  tx: Tx,
  principal: Principal,
  sealer: DisclosureSealer,
  eventId: string,
  personal: PersonalFields,
): Promise<string[]> {
  const made = Object.entries(personal.fields).map(([name, value]) => disclose(eventId, name, value));
  const { key, wrapped } = await sealer.newObjectKey(principal.tenantId, personal.subjectId, eventId);
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(`disclosures|${principal.tenantId}|${personal.subjectId}|${eventId}`));
  const sealed = Buffer.concat([
    nonce,
    cipher.update(JSON.stringify(made.map((disclosure) => disclosure.encoded))),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  key.fill(0);
  await rows(
    tx,
    'INSERT INTO audit_disclosures (event_id, tenant_id, subject_id, wrapped_key, sealed) VALUES ($1, $2, $3, $4, $5)',
    [eventId, principal.tenantId, personal.subjectId, wrapped, sealed],
  );
  // RFC 9901 §4.2.4.1: sorted, so that the order of fields says nothing.
  return made.map((disclosure) => disclosure.digest).sort();
}

/** What is still known of the personal fields of an event; empty once they were erased. @throws when the person's key is gone. */
export async function openDisclosures(
  tx: Tx,
  principal: Principal,
  sealer: DisclosureSealer,
  eventId: string,
): Promise<Disclosure[]> {
  const [row] = await rows<{ subject_id: string; wrapped_key: Buffer; sealed: Buffer }>(
    tx,
    'SELECT subject_id, wrapped_key, sealed FROM audit_disclosures WHERE event_id = $1 AND tenant_id = $2',
    [eventId, principal.tenantId],
  );
  if (!row) return [];
  const key = await sealer.openObjectKey(principal.tenantId, row.subject_id, eventId, row.wrapped_key);
  const decipher = createDecipheriv('aes-256-gcm', key, row.sealed.subarray(0, NONCE));
  decipher.setAAD(Buffer.from(`disclosures|${principal.tenantId}|${row.subject_id}|${eventId}`));
  decipher.setAuthTag(row.sealed.subarray(-TAG));
  const plain = Buffer.concat([decipher.update(row.sealed.subarray(NONCE, -TAG)), decipher.final()]);
  key.fill(0);
  return (JSON.parse(plain.toString()) as string[]).map((encoded) => {
    const [, name, value] = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as [string, string, string];
    return { eventId, name, value, encoded, digest: disclosureDigest(encoded) };
  });
}

/** Erasure: without salts the digests in the log say nothing any more, and every proof stays valid. Returns how many events were about them. */
export async function eraseDisclosures(tx: Tx, principal: Principal, subjectId: string): Promise<number> {
  const gone = await rows(tx, 'DELETE FROM audit_disclosures WHERE tenant_id = $1 AND subject_id = $2 RETURNING event_id', [
    principal.tenantId,
    subjectId,
  ]);
  return gone.length;
}
