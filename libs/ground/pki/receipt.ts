import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { type JwsReport, signJws, verifyJws } from './jws.ts';
import { FileSigner, type Signer } from './signer.ts';

/** Goes into the header as `typ`, so that a receipt cannot be shown as a registry row, nor the other way round. */
const RECEIPT_TYPE = 'assent-consent-receipt+jws';

/** Signs the exact bytes of a consent record as a compact JWS (EdDSA). `kid` names the key to look up. */
export const signReceipt = (payload: Uint8Array, signer: Signer, kid: string, typ = RECEIPT_TYPE): Promise<string> =>
  signJws(payload, signer, { typ, kid });

/** Whether the receipt is EdDSA, of this type and signed by this key; with its exact bytes when it is. */
export function verifyReceipt(jws: string, publicJwk: Record<string, unknown>, typ = RECEIPT_TYPE): Promise<JwsReport> {
  const key = createPublicKey({ key: publicJwk as never, format: 'jwk' });
  return verifyJws(jws, key, { algorithm: 'EdDSA', typ });
}

/** A key for receipts under its name. */
export class ReceiptKey {
  readonly #signer: FileSigner;
  constructor(
    pem: string,
    readonly kid: string,
  ) {
    this.#signer = new FileSigner(pem);
    if (this.#signer.algorithm !== 'EdDSA') throw new RangeError('receipts are signed with Ed25519');
  }

  static generatePem(): string {
    return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  }

  sign(payload: Uint8Array, typ = RECEIPT_TYPE): Promise<string> {
    return signReceipt(payload, this.#signer, this.kid, typ);
  }

  get publicJwk(): Record<string, unknown> {
    return { ...this.#signer.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: 'EdDSA', use: 'sig' };
  }
}

/** The payload of a receipt that verifies; undefined otherwise. */
export async function openReceipt(
  jws: string,
  publicJwk: Record<string, unknown>,
  typ = RECEIPT_TYPE,
): Promise<Uint8Array | undefined> {
  const report = await verifyReceipt(jws, publicJwk, typ);
  return report.valid ? report.payload : undefined;
}
