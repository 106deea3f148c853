import { createPublicKey, generateKeyPairSync, createPrivateKey } from 'node:crypto';
import { CompactSign, compactVerify, importJWK } from 'jose';

/** Signs receipts and registry rows: EdDSA over the exact bytes, as a compact JWS (RFC 7515). */
export class ReceiptKey {
  readonly #key;
  constructor(
    pem: string,
    readonly kid: string,
  ) {
    this.#key = createPrivateKey(pem);
  }

  static generatePem(): string {
    return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  }

  /** `type` goes into the header as `typ`, so that a receipt cannot be shown as a registry row. */
  sign(payload: Uint8Array, type = 'assent-consent-receipt+jws'): Promise<string> {
    return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid: this.kid, typ: type }).sign(this.#key);
  }

  get publicJwk(): Record<string, unknown> {
    return { ...createPublicKey(this.#key).export({ format: 'jwk' }), kid: this.kid, alg: 'EdDSA', use: 'sig' };
  }
}

/** The payload, if the JWS is EdDSA, of this type and signed by this key. Undefined otherwise. */
export async function openReceipt(
  jws: string,
  publicJwk: Record<string, unknown>,
  type = 'assent-consent-receipt+jws',
): Promise<Uint8Array | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(publicJwk, 'EdDSA'), { algorithms: ['EdDSA'] });
    return protectedHeader.typ === type ? payload : undefined;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('ERR_JW')) return undefined;
    throw error;
  }
}
