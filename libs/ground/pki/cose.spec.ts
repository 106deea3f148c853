import { X509Certificate, verify } from 'node:crypto';
import { decode, encode } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { pemToDer } from './certificates.ts';
import { coseSign1 } from './cose.ts';
import { createDevelopmentPki } from './development-ca.ts';
import { type LoadedPki, loadPki } from './load-pki.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import { verifyTimestampToken } from './timestamp-token.ts';

const CLAIM = Buffer.from('the claim');
let pki: LoadedPki;
beforeAll(async () => void (pki = loadPki(await createDevelopmentPki())));

const open = (cose: Buffer): [Uint8Array, Map<string, unknown>, null, Uint8Array] => decode(cose.subarray(1), { useMaps: true });

describe('the COSE signature of a claim', () => {
  it('verifies over the detached claim, with the chain in the protected header', async () => {
    const cose = await coseSign1({ ...pki, claim: CLAIM, reserveSize: 8000 });
    expect(cose[0]).toBe(0xd2);
    const [header, , payload, signature] = open(cose);
    expect(payload).toBeNull();
    const guarded: Map<number, unknown> = decode(header, { useMaps: true });
    const chain = guarded.get(33) as Uint8Array[];
    expect(guarded.get(1)).toBe(-7);
    expect(chain.map((der) => Buffer.from(der))).toEqual(pemToDer(pki.chainPem));
    const structure = encode(['Signature1', header, new Uint8Array(0), Uint8Array.from(CLAIM)]);
    const { publicKey } = new X509Certificate(chain[0]!);
    expect(verify('sha256', structure, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
  });

  it('carries a time stamp over its own signature', async () => {
    const [header, unprotected, , signature] = open(await coseSign1({ ...pki, claim: CLAIM, reserveSize: 8000 }));
    const token = (unprotected.get('sigTst2') as Map<string, Map<string, Uint8Array>[]>).get('tstTokens')![0]!.get('val')!;
    const stamped = encode(['CounterSignature', header, new Uint8Array(0), encode(signature)]);
    expect(verifyTimestampToken(token, stamped, pki.anchors.tsaRootsPem)).toMatchObject({ ok: true });
  });

  it('has exactly the reserved size, also where a length prefix jumps', async () => {
    const unstamped = { signer: pki.signer, chainPem: pki.chainPem, claim: CLAIM };
    const least = (await coseSign1({ ...unstamped, reserveSize: 5000 })).length;
    expect(least).toBe(5000);
    const used = 5000 - (open(await coseSign1({ ...unstamped, reserveSize: 5000 }))[1].get('pad') as Uint8Array).length;
    const sizes = fc.oneof(
      ...[0, 24, 256, 65_536].map((jump) => fc.integer({ min: Math.max(8, jump - 8), max: jump + 16 })),
      fc.nat(3000).map((n) => n + 16),
    );
    await fc.assert(
      fc.asyncProperty(sizes, async (room) => {
        const reserveSize = used + room;
        return (await coseSign1({ ...unstamped, reserveSize })).length === reserveSize;
      }),
      { numRuns: 120 },
    );
  });

  it('refuses a reserve that is too small and a chain without intermediate', async () => {
    await expect(coseSign1({ ...pki, claim: CLAIM, reserveSize: 500 })).rejects.toBeInstanceOf(SignerNotReadyError);
    const [leaf] = pki.chainPem.split(/(?<=END CERTIFICATE-----)/);
    await expect(coseSign1({ ...pki, chainPem: leaf!, claim: CLAIM, reserveSize: 8000 })).rejects.toBeInstanceOf(
      SignerNotReadyError,
    );
  });
});
