import { type KeyObject, createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

/** A signed note that cannot be trusted. The message says which rule of C2SP signed-note it breaks. */
export class NoteError extends Error {}

const ED25519 = 1;
const rawPublicKey = (key: KeyObject): Buffer => Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url');
const keyHash = (name: string, type: number, raw: Uint8Array): Buffer =>
  createHash('sha256').update(`${name}\n`).update(Uint8Array.of(type)).update(raw).digest().subarray(0, 4);

/** Signs notes with Ed25519 under a name. The name is a URL-like word without spaces or plus signs. */
export class NoteSigner {
  readonly #private: KeyObject;
  readonly #raw: Buffer;

  /** `seed`: 32 bytes of RFC 8032. */
  constructor(
    readonly name: string,
    seed: Uint8Array,
  ) {
    if (!/^[^\s+]+$/.test(name)) throw new NoteError('a signer name holds no space and no plus sign');
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    this.#private = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    this.#raw = rawPublicKey(createPublicKey(this.#private));
  }

  /** The verifier key, `name+hash+base64`: what an auditor pins. */
  get verifierKey(): string {
    return `${this.name}+${keyHash(this.name, ED25519, this.#raw).toString('hex')}+${Buffer.concat([Uint8Array.of(ED25519), this.#raw]).toString('base64')}`;
  }

  /** Text must end with a newline. Returns text, empty line, signature line; more lines may follow later. */
  sign(text: string): string {
    if (!text.endsWith('\n')) throw new NoteError('a note ends with a newline');
    const signature = sign(null, Buffer.from(text), this.#private);
    const line = Buffer.concat([keyHash(this.name, ED25519, this.#raw), signature]).toString('base64');
    return `${text}\n— ${this.name} ${line}\n`;
  }
}

interface NoteVerifier {
  readonly name: string;
  readonly hash: Buffer;
  readonly key: KeyObject;
}

export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (!match) throw new NoteError('not a verifier key');
  const bytes = Buffer.from(match[3]!, 'base64');
  if (bytes[0] !== ED25519 || bytes.length !== 33) throw new NoteError('not an Ed25519 verifier key');
  const raw = bytes.subarray(1);
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
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw new NoteError('the note has no signature block');
  const text = note.slice(0, split + 1);
  const known = verifierKeys.map(parseVerifierKey);
  const signers: string[] = [];
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const match = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line);
    if (!match) throw new NoteError('a signature line is malformed');
    const bytes = Buffer.from(match[2]!, 'base64');
    const by = known.find((verifier) => verifier.name === match[1] && verifier.hash.equals(bytes.subarray(0, 4)));
    if (!by) continue;
    if (!verify(null, Buffer.from(text), by.key, bytes.subarray(4)))
      throw new NoteError(`the signature of ${by.name} does not verify`);
    signers.push(by.name);
  }
  if (signers.length === 0) throw new NoteError('no signature by a known key');
  return { text, signers };
}
