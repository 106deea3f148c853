import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { C2PA_CLAIM_SIGNING, EMAIL_PROTECTION, TIME_STAMPING, mayClaim, pemToCertificates, verifyChain } from './certificates.ts';
import { DevelopmentAuthority, type DevelopmentPki, createDevelopmentPki } from './development-ca.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import { loadPki } from './load-pki.ts';
import { OpensslFolder, daysAfter, hasOpenssl, longAgo, opensslReason } from './pki.fixture.ts';

let pki: DevelopmentPki;
let openssl: OpensslFolder;
beforeAll(async () => {
  openssl = new OpensslFolder();
  pki = await createDevelopmentPki();
});
afterAll(() => openssl.remove());

const leafOf = (chainPem: string): X509Certificate => pemToCertificates(chainPem)[0]!;

describe('the development CA', () => {
  it('gives the claim leaf both usages, the time-stamping leaf its one, under two roots', () => {
    expect(leafOf(pki.claim.chainPem).keyUsage).toEqual([EMAIL_PROTECTION, C2PA_CLAIM_SIGNING]);
    expect(leafOf(pki.tsa.chainPem).keyUsage).toEqual([TIME_STAMPING]);
    expect(pki.claim.rootPem).not.toBe(pki.tsa.rootPem);
    expect(leafOf(pki.claim.chainPem).ca).toBe(false);
  });

  it('keeps an organisation with a comma and an equals sign one organisation', async () => {
    const { claim } = await createDevelopmentPki({ organisation: 'Studio, CN=Evil' });
    expect(leafOf(claim.chainPem).subject).toContain('O=Studio\\, CN=Evil');
    expect(leafOf(claim.chainPem).subject.split('\n')).toHaveLength(3);
  });

  it.skipIf(!hasOpenssl)(`makes chains that openssl verifies for their purpose${opensslReason}`, () => {
    for (const [name, key, purpose] of [
      ['claim', pki.claim, 'smimesign'],
      ['tsa', pki.tsa, 'timestampsign'],
    ] as const) {
      const [leaf, middle] = key.chainPem.split(/(?<=END CERTIFICATE-----)/);
      openssl.write(`${name}-root.pem`, key.rootPem);
      openssl.write(`${name}-leaf.pem`, leaf!);
      openssl.write(`${name}-middle.pem`, middle!);
      const run = openssl.run('verify', '-x509_strict', '-purpose', purpose, '-CAfile', `${name}-root.pem`, '-untrusted', `${name}-middle.pem`, `${name}-leaf.pem`); // prettier-ignore
      expect(run.ok, run.out).toBe(true);
    }
  });

  it('never writes a private key of an authority into what it returns', () => {
    for (const { chainPem, rootPem } of [pki.claim, pki.tsa]) expect(chainPem + rootPem).not.toContain('PRIVATE');
  });
});

describe('a chain', () => {
  const now = new Date();
  const verifyClaim = (chainPem: string, roots: string, at = now): string[] =>
    verifyChain(pemToCertificates(chainPem), roots, 'claim-signing', at);

  it('holds under its own root, with or without the root in it', () => {
    expect(verifyClaim(pki.claim.chainPem, pki.claim.rootPem)).toEqual([]);
    expect(verifyClaim(pki.claim.chainPem + pki.claim.rootPem, pki.claim.rootPem)).toEqual([]);
  });

  it('does not hold under foreign anchors, under none, or with its intermediate left out', async () => {
    const foreign = await createDevelopmentPki();
    expect(verifyClaim(pki.claim.chainPem, foreign.claim.rootPem)).toEqual(['no trust anchor issued the chain']);
    expect(verifyClaim(pki.claim.chainPem, '')).toEqual(['there are no trust anchors']);
    const [leaf] = pki.claim.chainPem.split(/(?<=END CERTIFICATE-----)/);
    expect(verifyClaim(leaf!, pki.claim.rootPem)).toEqual(['no trust anchor issued the chain']);
  });

  it('does not let a leaf issue another leaf', async () => {
    const foreign = await createDevelopmentPki();
    const [middle] = pki.claim.chainPem.split(/(?<=END CERTIFICATE-----)/);
    expect(verifyClaim(leafOf(foreign.claim.chainPem).toString() + middle, pki.claim.rootPem)).not.toEqual([]);
  });

  it('does not hold before and after its time', async () => {
    const old = await createDevelopmentPki({ notBefore: longAgo(), validDays: 365 });
    expect(verifyClaim(old.claim.chainPem, old.claim.rootPem)).toEqual([expect.stringMatching(/^certificate 0 has expired/)]);
    expect(verifyClaim(old.claim.chainPem, old.claim.rootPem, daysAfter(longAgo(), 30))).toEqual([]);
    expect(verifyClaim(old.claim.chainPem, old.claim.rootPem, daysAfter(longAgo(), -30))).toHaveLength(2);
  });

  it('does not let a time-stamping certificate of the same root sign claims, nor one for both', async () => {
    const authority = await DevelopmentAuthority.create('Claim Signing');
    for (const usages of [[TIME_STAMPING], [TIME_STAMPING, C2PA_CLAIM_SIGNING, EMAIL_PROTECTION]]) {
      const both = await authority.issue(usages);
      expect(verifyClaim(both.chainPem, both.rootPem)).toEqual(['the leaf is not a certificate for claim-signing alone']);
      expect(mayClaim(leafOf(both.chainPem))).toBe(false);
    }
  });
});

describe('loading keys at start-up', () => {
  it('accepts keys, chains and anchors that fit', () => {
    expect(loadPki(pki)).toMatchObject({ chainPem: pki.claim.chainPem, anchors: { tsaRootsPem: pki.tsa.rootPem } });
  });

  it.each([
    ['foreign anchors', (other: DevelopmentPki) => ({ ...pki, claim: { ...pki.claim, rootPem: other.claim.rootPem } }), /claim signing: no trust anchor/],
    ['missing anchors', () => ({ ...pki, claim: { ...pki.claim, rootPem: '' } }), /claim signing: there are no trust anchors/],
    ['another key', (other: DevelopmentPki) => ({ ...pki, claim: { ...pki.claim, keyPem: other.claim.keyPem } }), /the key is not the one of the certificate/],
    ['roles swapped', () => ({ claim: pki.tsa, tsa: pki.claim }), /not a certificate for claim-signing alone.*not a certificate for time-stamping alone/s],
    ['a leaf without its intermediate', () => ({ ...pki, claim: { ...pki.claim, chainPem: leafOf(pki.claim.chainPem).toString() } }), /needs leaf and intermediate/],
    ['a certificate that is none', () => ({ ...pki, tsa: { ...pki.tsa, rootPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' } }), /time stamping: a certificate cannot be read/],
  ] as const)('refuses %s as signer-not-ready', async (_name, stored, message) => {
    const other = await createDevelopmentPki();
    expect(() => loadPki(stored(other))).toThrow(message);
    expect(() => loadPki(stored(other))).toThrow(SignerNotReadyError);
  }); // prettier-ignore

  it('refuses keys that have expired, and names both', async () => {
    const old = await createDevelopmentPki({ notBefore: longAgo(), validDays: 365 });
    expect(() => loadPki(old)).toThrow(/claim signing: certificate 0 has expired.*time stamping: certificate 0 has expired/s);
    expect(() => loadPki(old, daysAfter(longAgo(), 10))).not.toThrow();
  });
});
