import { type KeyObject, createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify } from 'node:crypto';

/** A signed note that cannot be trusted. The message says which rule of C2SP signed-note it breaks. */
export class NoteError extends Error {}

const ED25519 = 1;
/** A note with more signature lines than this is not read: each costs a verification. */
const MAX_SIGNATURES = 100;
/** PKCS#8 of an Ed25519 key without its 32 bytes (RFC 8410 §7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const rawPublicKey = (key: KeyObject): Buffer => Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
const keyHash = (name: string, type: number, raw: Uint8Array): Buffer =>
  createHash('sha256').update(`${name}\n`).update(Uint8Array.of(type)).update(raw).digest().subarray(0, 4);

/** Signs notes with Ed25519 under a name. The name is a URL-like word without spaces or plus signs. */
export class NoteSigner {
  readonly #private: KeyObject;
  readonly #raw: Buffer;
  readonly #seed: Buffer;

  /** `seed`: 32 bytes of RFC 8032. */
  constructor(
    readonly name: string,
    seed: Uint8Array,
  ) {
    if (!/^[^\s+]+$/.test(name)) throw new NoteError('a signer name holds no space and no plus sign');
    if (seed.length !== 32) throw new NoteError('an Ed25519 seed has 32 bytes');
    this.#seed = Buffer.from(seed);
    this.#private = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    this.#raw = rawPublicKey(createPublicKey(this.#private));
  }

  /** The verifier key, `name+hash+base64`: what an auditor pins. */
  get verifierKey(): string {
    return `${this.name}+${keyHash(this.name, ED25519, this.#raw).toString('hex')}+${Buffer.concat([Uint8Array.of(ED25519), this.#raw]).toString('base64')}`;
  }

  /** Text must end with a newline. Returns text, empty line, signature line; `addSignature` puts more lines after it. */
  sign(text: string): string {
    requireText(text);
    return `${text}\n${this.#line(text)}`;
  }

  /** A second signature line on a note that somebody else signed (a new key while an old one leaves, a witness). */
  addSignature(note: string): string {
    return note + this.#line(splitNote(note).text);
  }

  /** A secret that only the holder of this key can derive (HKDF, RFC 5869): 32 bytes, one per purpose. */
  secretFor(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#seed, this.name, purpose, 32));
  }

  #line(text: string): string {
    const signature = sign(null, Buffer.from(text), this.#private);
    return `— ${this.name} ${Buffer.concat([keyHash(this.name, ED25519, this.#raw), signature]).toString('base64')}\n`;
  }
}

/** C2SP signed-note: no control character but the newline, so that what is read is what was signed. */
function requireText(text: string): void {
  if (!text.endsWith('\n')) throw new NoteError('a note ends with a newline');
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text) || /\p{Surrogate}/u.test(text))
    throw new NoteError('a note holds no control characters');
}

/** The signature block starts after the LAST empty line: the text may hold empty lines of its own. */
function splitNote(note: string): { text: string; lines: string[] } {
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw new NoteError('the note has no signature block');
  const text = note.slice(0, split + 1);
  requireText(text);
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) throw new NoteError(`the note has more than ${MAX_SIGNATURES} signatures`);
  return { text, lines };
}

interface NoteVerifier {
  readonly name: string;
  readonly hash: Buffer;
  readonly key: KeyObject;
}

/** y < 2^255 − 19. OpenSSL takes larger ones, other verifiers do not: such a key would split them over one log. */
const isCanonicalPoint = (raw: Uint8Array): boolean =>
  (raw[31]! & 0x7f) !== 0x7f || raw[0]! < 0xed || raw.subarray(1, 31).some((byte) => byte !== 0xff);

export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (!match) throw new NoteError('not a verifier key');
  const bytes = decode64(match[3]!);
  if (bytes[0] !== ED25519 || bytes.length !== 33) throw new NoteError('not an Ed25519 verifier key');
  const raw = bytes.subarray(1);
  if (!isCanonicalPoint(raw)) throw new NoteError('the verifier key is not written as RFC 8032 demands');
  const hash = keyHash(match[1]!, ED25519, raw);
  if (hash.toString('hex') !== match[2]) throw new NoteError('the verifier key does not match its hash');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  return { name: match[1]!, hash, key };
}

/**
 * Opens a note: at least one line must be a good signature by a known key; a bad signature by a known key refuses the whole note,
 * lines by unknown keys are passed over (C2SP signed-note).
 */
export function openNote(note: string, verifierKeys: readonly string[]): { text: string; signers: string[] } {
  const { text, lines } = splitNote(note);
  const known = verifierKeys.map(parseVerifierKey);
  const signers: string[] = [];
  for (const line of lines) {
    const match = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    if (!match) throw new NoteError('a signature line is malformed');
    const bytes = decode64(match[2]!);
    const by = known.find((verifier) => verifier.name === match[1] && verifier.hash.equals(bytes.subarray(0, 4)));
    if (!by) continue;
    if (bytes.length !== 68 || !verify(null, Buffer.from(text), by.key, bytes.subarray(4)))
      throw new NoteError(`the signature of ${by.name} does not verify`);
    if (!signers.includes(by.name)) signers.push(by.name);
  }
  if (signers.length === 0) throw new NoteError('no signature by a known key');
  return { text, signers };
}

/** Base64 with one spelling only: Node skips what it does not know, and two notes would be one. */
function decode64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new NoteError('a signature line is malformed');
  return bytes;
}
