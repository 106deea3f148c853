import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { compactVerify, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { signJws, verifyJws } from './jws.ts';
import { flipped } from './pki.fixture.ts';
import { ReceiptKey, openReceipt, signReceipt, verifyReceipt } from './receipt.ts';
import { FileSigner } from './signer.ts';

const pem = ReceiptKey.generatePem();
const key = new ReceiptKey(pem, 'receipts-1');
const RECORD = Buffer.from('{"record_id":"1","note":"ü\u2028"}');
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a receipt', () => {
  it('carries the exact bytes and verifies with an independent library', async () => {
    const jws = await key.sign(RECORD);
    const { payload, protectedHeader } = await compactVerify(jws, await importJWK(key.publicJwk, 'EdDSA'));
    expect(Buffer.from(payload)).toEqual(RECORD);
    expect(protectedHeader).toEqual({ alg: 'EdDSA', kid: 'receipts-1', typ: 'assent-consent-receipt+jws' });
    expect(Buffer.from((await openReceipt(jws, key.publicJwk))!)).toEqual(RECORD);
  });

  it('is the same whichever way it is signed: through the port or by the named key', async () => {
    expect(await signReceipt(RECORD, new FileSigner(pem), 'receipts-1')).toBe(await key.sign(RECORD));
  });

  it('publishes no private part of its key', () => {
    expect(Object.keys(key.publicJwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  });

  it('does not open under another key', async () => {
    const other = new ReceiptKey(ReceiptKey.generatePem(), 'receipts-1');
    expect(await verifyReceipt(await key.sign(RECORD), other.publicJwk)).toEqual({
      valid: false,
      reason: 'signature verification failed',
    });
  });

  it('cannot be shown as a registry row, nor a row as a receipt', async () => {
    const row = await key.sign(RECORD, 'assent-mark+jws');
    expect(await verifyReceipt(row, key.publicJwk)).toEqual({ valid: false, reason: 'the type is assent-mark+jws' });
  });

  it.each([
    ['without a signature (alg none)', `${encode({ alg: 'none', typ: 'assent-consent-receipt+jws' })}.${RECORD.toString('base64url')}.`],
    ['signed with the public key as a secret (alg HS256)', hmacForgery()],
    ['that are no JWS', 'a.b'],
    ['that are empty', ''],
  ])('refuses bytes %s', async (_name, jws) => {
    expect((await verifyReceipt(jws, key.publicJwk)).valid).toBe(false);
  }); // prettier-ignore

  it('does not survive a changed bit of its payload', async () => {
    const [head, , signature] = (await key.sign(RECORD)).split('.');
    await fc.assert(
      fc.asyncProperty(fc.nat(RECORD.length * 8 - 1), async (bit) => {
        const forged = [head, flipped(RECORD, bit).toString('base64url'), signature].join('.');
        return (await openReceipt(forged, key.publicJwk)) === undefined;
      }),
      { numRuns: 50 },
    );
  });

  it('round-trips any bytes', async () => {
    const signer = new FileSigner(pem);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        const report = await verifyJws(await signJws(bytes, signer, { typ: 't' }), signer.publicKey, {
          algorithm: 'EdDSA',
          typ: 't',
        });
        return report.valid && Buffer.from(report.payload).equals(bytes);
      }),
      { numRuns: 50 },
    );
  });
});

/** The classic confusion: the verifier is made to take its public key for an HMAC secret. */
function hmacForgery(): string {
  const input = `${encode({ alg: 'HS256', typ: 'assent-consent-receipt+jws' })}.${RECORD.toString('base64url')}`;
  const secret = Buffer.from(String(key.publicJwk['x']), 'base64url');
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}
