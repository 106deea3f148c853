import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDevelopmentPki } from './development-ca.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import { FileSigner, type Signer } from './signer.ts';
import { coseSign1 } from './cose.ts';
import { signJws, verifyJws } from './jws.ts';
import { TimestampAuthority } from './timestamp-authority.ts';
import { verifyTimestampToken } from './timestamp-token.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'assent-signer-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

const DATA = Buffer.from('what is signed');

describe('a signer from a key file', () => {
  it('signs ES256 as r ‖ s, 64 bytes, which its public key verifies', async () => {
    const signer = new FileSigner((await createDevelopmentPki()).claim.keyPem);
    const signature = await signer.sign(DATA);
    expect(signer.algorithm).toBe('ES256');
    expect(signature).toHaveLength(64);
    expect(verify('sha256', DATA, { key: signer.publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
  });

  it('opens an encrypted file with its passphrase, and refuses another one as signer-not-ready', async () => {
    const { claim } = await createDevelopmentPki({ passphrase: 'correct horse' });
    expect(claim.keyPem).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const path = join(folder, 'claim.pem');
    await writeFile(path, claim.keyPem, { mode: 0o600 });
    expect(await (await FileSigner.open(path, 'correct horse')).sign(DATA)).toHaveLength(64);
    for (const wrong of ['battery staple', undefined])
      await expect(FileSigner.open(path, wrong)).rejects.toMatchObject({ problem: { slug: 'signer-not-ready', status: 503 } });
  });

  it('refuses a missing file and a file that is no key', async () => {
    await expect(FileSigner.open(join(folder, 'absent.pem'))).rejects.toBeInstanceOf(SignerNotReadyError);
    expect(() => new FileSigner('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')).toThrow(SignerNotReadyError);
  });

  it.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ])('refuses a key that it cannot sign with: %s', (_name, { privateKey }) => {
    expect(() => new FileSigner(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)).toThrow(/P-256 nor Ed25519/);
  });

  it('does not show the key when it is printed or serialised', async () => {
    const { claim } = await createDevelopmentPki();
    const secret = claim.keyPem.split('\n')[1]!;
    const signer = new FileSigner(claim.keyPem);
    expect(JSON.stringify(signer)).not.toContain(secret);
    expect(Object.keys(signer)).toEqual(['algorithm', 'publicKey']);
  });
});

describe('a signer that never shows its key', () => {
  /** What a security module offers: a signature, later, and its public half. */
  const moduleOf = (keyPem: string): Signer => {
    const inside = new FileSigner(keyPem);
    const sign = async (data: Uint8Array): Promise<Uint8Array> => {
      await new Promise((later) => setTimeout(later, 1));
      return inside.sign(data);
    };
    return { algorithm: inside.algorithm, publicKey: inside.publicKey, sign };
  };

  it('serves claims, time stamps and receipts alike', async () => {
    const { claim, tsa } = await createDevelopmentPki();
    const signer = moduleOf(claim.keyPem);
    const authority = new TimestampAuthority({ signer: moduleOf(tsa.keyPem), chainPem: tsa.chainPem });
    expect(await coseSign1({ signer, chainPem: claim.chainPem, claim: DATA, reserveSize: 6000, tsa: authority })).toHaveLength(
      6000,
    );
    expect(verifyTimestampToken(await authority.token(DATA), DATA, tsa.rootPem).ok).toBe(true);
    const jws = await signJws(DATA, signer, { typ: 't' });
    expect((await verifyJws(jws, signer.publicKey, { algorithm: 'ES256', typ: 't' })).valid).toBe(true);
  });
});
