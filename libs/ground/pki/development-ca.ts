import 'reflect-metadata'; // before @peculiar/x509: its container needs the metadata API
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);

/** EKU of C2PA claim signing; leaves carry it together with emailProtection (the official profile; alone it is refused by verifiers). */
export const C2PA_CLAIM_SIGNING = '1.3.6.1.4.1.62558.2.1';
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;

export interface CertifiedKey {
  /** PKCS#8. */
  readonly keyPem: string;
  /** Leaf first, then the intermediate. */
  readonly chainPem: string;
  readonly rootPem: string;
}

/** Two hierarchies under two roots: a time-stamping certificate must never be able to vouch for a claim. */
export interface DevelopmentPki {
  readonly claim: CertifiedKey;
  readonly tsa: CertifiedKey;
}

export interface DevelopmentPkiOptions {
  readonly organisation?: string;
  readonly notBefore?: Date;
  /** Of the leaves; at most 366. */
  readonly validDays?: number;
}

/** A certificate authority for development and demonstrations. Its roots are anchors only where somebody chose them. */
export async function createDevelopmentPki(options: DevelopmentPkiOptions = {}): Promise<DevelopmentPki> {
  return {
    claim: await hierarchy('Claim Signing', [EMAIL_PROTECTION, C2PA_CLAIM_SIGNING], false, options),
    tsa: await hierarchy('Time Stamping', [TIME_STAMPING], true, options),
  };
}

async function hierarchy(
  role: string,
  usages: string[],
  criticalUsage: boolean,
  options: DevelopmentPkiOptions,
): Promise<CertifiedKey> {
  const organisation = options.organisation ?? 'Assent Development';
  // Minus one day: a verifier's clock may be behind ours.
  const notBefore = options.notBefore ?? new Date(Date.now() - DAY);
  const name = (cn: string): string => `CN=${organisation} ${cn}, O=${organisation}, C=IN`;
  const authority = { notBefore, notAfter: new Date(notBefore.getTime() + 3650 * DAY) };

  const rootKeys = await newKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: name(`${role} Root`),
    ...authority,
    signingAlgorithm: EC,
    keys: rootKeys,
    extensions: await authorityExtensions(rootKeys.publicKey, 1),
  });

  const middleKeys = await newKeys();
  const middle = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: name(`${role} CA`),
    issuer: root.subject,
    ...authority,
    signingAlgorithm: EC,
    publicKey: middleKeys.publicKey,
    signingKey: rootKeys.privateKey,
    extensions: [
      ...(await authorityExtensions(middleKeys.publicKey, 0)),
      await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
    ],
  });

  const leafKeys = await newKeys();
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: name(role),
    issuer: middle.subject,
    notBefore,
    notAfter: new Date(notBefore.getTime() + (options.validDays ?? 365) * DAY),
    signingAlgorithm: EC,
    publicKey: leafKeys.publicKey,
    signingKey: middleKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation, true),
      new x509.ExtendedKeyUsageExtension(usages, criticalUsage),
      await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(middleKeys.publicKey),
    ],
  });
  return {
    keyPem: await privatePem(leafKeys.privateKey),
    chainPem: `${leaf.toString('pem')}\n${middle.toString('pem')}\n`,
    rootPem: `${root.toString('pem')}\n`,
  };
}

async function authorityExtensions(publicKey: webcrypto.CryptoKey, pathLength: number): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey as never),
  ];
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);

/** 127 random bits; the leading 01 keeps the DER integer positive and of one length. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

/** DER certificates of a PEM bundle, in order. */
export const pemToDer = (pem: string): Buffer[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g)].map((match) =>
    Buffer.from(match[1]!, 'base64'),
  );
