import 'reflect-metadata'; // before @peculiar/x509: its container needs the metadata API
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { C2PA_CLAIM_SIGNING, EMAIL_PROTECTION, TIME_STAMPING } from './certificates.ts';

x509.cryptoProvider.set(webcrypto as never);

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;
const AUTHORITY_DAYS = 3650;

export interface CertifiedKey {
  /** PKCS#8, encrypted if it was made with a passphrase. */
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
  /** Of the leaves; at most 366 in the official profile. */
  readonly validDays?: number;
  /** Encrypts the private keys (AES-256-CBC, PBES2). */
  readonly passphrase?: string;
}

/** A certificate authority for development and demonstrations. Its roots are anchors only where somebody chose them. */
export async function createDevelopmentPki(options: DevelopmentPkiOptions = {}): Promise<DevelopmentPki> {
  const claim = await DevelopmentAuthority.create('Claim Signing', options);
  const tsa = await DevelopmentAuthority.create('Time Stamping', options);
  return {
    claim: await claim.issue([EMAIL_PROTECTION, C2PA_CLAIM_SIGNING], options),
    // RFC 3161 §2.3: this usage alone, and critical.
    tsa: await tsa.issue([TIME_STAMPING], { ...options, criticalUsage: true }),
  };
}

/** Root and intermediate of one role. Their private keys live as long as this object and are written nowhere. */
export class DevelopmentAuthority {
  private constructor(
    private readonly role: string,
    private readonly organisation: string,
    readonly rootPem: string,
    private readonly middle: x509.X509Certificate,
    private readonly middleKeys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(
    role: string,
    options: Pick<DevelopmentPkiOptions, 'organisation' | 'notBefore'> = {},
  ): Promise<DevelopmentAuthority> {
    const organisation = options.organisation ?? 'Assent Development';
    const notBefore = options.notBefore ?? yesterday();
    const validity = { notBefore, notAfter: new Date(notBefore.getTime() + AUTHORITY_DAYS * DAY) };
    const rootKeys = await newKeys();
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: nameOf(organisation, `${role} Root`),
      ...validity,
      signingAlgorithm: EC,
      keys: rootKeys,
      extensions: await authorityExtensions(rootKeys.publicKey, 1),
    });
    const middleKeys = await newKeys();
    const middle = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: nameOf(organisation, `${role} CA`),
      issuer: root.subject,
      ...validity,
      signingAlgorithm: EC,
      publicKey: middleKeys.publicKey,
      signingKey: rootKeys.privateKey,
      extensions: [
        ...(await authorityExtensions(middleKeys.publicKey, 0)),
        await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey),
      ],
    });
    return new DevelopmentAuthority(role, organisation, `${root.toString('pem')}\n`, middle, middleKeys);
  }

  /** A fresh P-256 key with a leaf of these extended usages, for rotation one more under the same intermediate. */
  async issue(
    usages: readonly string[],
    options: Pick<DevelopmentPkiOptions, 'notBefore' | 'validDays' | 'passphrase'> & { criticalUsage?: boolean } = {},
  ): Promise<CertifiedKey> {
    const notBefore = options.notBefore ?? yesterday();
    const keys = await newKeys();
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: nameOf(this.organisation, this.role),
      issuer: this.middle.subject,
      notBefore,
      notAfter: new Date(notBefore.getTime() + (options.validDays ?? 365) * DAY),
      signingAlgorithm: EC,
      publicKey: keys.publicKey,
      signingKey: this.middleKeys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.nonRepudiation, true),
        new x509.ExtendedKeyUsageExtension([...usages], options.criticalUsage ?? false),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(this.middleKeys.publicKey),
      ],
    });
    return {
      keyPem: await privatePem(keys.privateKey, options.passphrase),
      chainPem: `${leaf.toString('pem')}\n${this.middle.toString('pem')}\n`,
      rootPem: this.rootPem,
    };
  }
}

/** A verifier's clock may be behind ours. */
const yesterday = (): Date => new Date(Date.now() - DAY);

/** Attributes as values, not as text: an organisation with a comma stays one organisation. */
const nameOf = (organisation: string, commonName: string): x509.JsonName => [
  { CN: [`${organisation} ${commonName}`] },
  { O: [organisation] },
  { C: ['IN'] },
];

async function authorityExtensions(publicKey: webcrypto.CryptoKey, pathLength: number): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey as never),
  ];
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);

/** 120 random bits; the leading 01 keeps the DER integer positive and of one length. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;

async function privatePem(key: webcrypto.CryptoKey, passphrase: string | undefined): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
    ...cipher,
  }) as string;
}
