import { type KeyObject, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SignerNotReadyError } from './pki.errors.ts';

/**
 * Holds a private key and never gives it out. The file adapter is here; a PKCS#11 one keeps the key in its module, so nothing in this
 * port may need more than a signature, the algorithm and the public half.
 */
export interface Signer {
  readonly algorithm: 'ES256' | 'EdDSA';
  /** Start-up holds it against the certificate: a key of another chain would sign files that nobody can verify. */
  readonly publicKey: KeyObject;
  /** JOSE/COSE form: for ES256 r ‖ s, 64 bytes; for EdDSA 64 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export class FileSigner implements Signer {
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly publicKey: KeyObject;
  readonly #key: KeyObject;

  /** `pem`: PKCS#8, encrypted if a passphrase is given. @throws SignerNotReadyError */
  constructor(pem: string, passphrase?: string) {
    try {
      this.#key = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
    } catch (cause) {
      throw new SignerNotReadyError('The signing key cannot be read. Check the file and its passphrase.', {}, { cause });
    }
    if (this.#key.asymmetricKeyType === 'ed25519') this.algorithm = 'EdDSA';
    else if (this.#key.asymmetricKeyType === 'ec' && this.#key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
      this.algorithm = 'ES256';
    else throw new SignerNotReadyError('The signing key is neither P-256 nor Ed25519.');
    this.publicKey = createPublicKey(this.#key);
  }

  /** Reads a PEM file. @throws SignerNotReadyError, which names the file's fault and never its content. */
  static async open(path: string, passphrase?: string): Promise<FileSigner> {
    let pem: string;
    try {
      pem = await readFile(path, 'utf8');
    } catch (cause) {
      const { code = 'unknown' } = cause as NodeJS.ErrnoException;
      throw new SignerNotReadyError(`The file of the signing key cannot be read (${code}).`, {}, { cause });
    }
    return new FileSigner(pem, passphrase);
  }

  sign(data: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(
      this.algorithm === 'ES256'
        ? sign('sha256', data, { key: this.#key, dsaEncoding: 'ieee-p1363' })
        : sign(null, data, this.#key),
    );
  }
}
