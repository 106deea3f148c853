import { createHash, randomBytes } from 'node:crypto';
import forge from 'node-forge';
import { pemToDer } from './certificates.ts';
import { ecdsaToDer } from './der.ts';
import type { CertifiedKey } from './development-ca.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import { FileSigner, type Signer } from './signer.ts';

/*
 * RFC 3161: a TimeStampToken is CMS SignedData over a TSTInfo. node-forge only builds the DER here; it never verifies anything.
 */
const { asn1 } = forge;
const { Type, Class } = asn1;
type Asn1 = forge.asn1.Asn1;

const sequence = (value: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, value);
const setOf = (value: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SET, true, value);
/** Arcs of 32 bits at most: forge counts in 32-bit integers. */
const oid = (dotted: string): Asn1 => asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());
const octets = (bytes: Uint8Array): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, Buffer.from(bytes).toString('binary'));
const integer = (bytes: Uint8Array): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.INTEGER, false, Buffer.from(bytes).toString('binary'));
const tagged = (n: number, value: Asn1[]): Asn1 =>
  asn1.create(Class.CONTEXT_SPECIFIC, n as number as forge.asn1.Type, true, value);
const time = (at: Date): Asn1 =>
  asn1.create(
    Class.UNIVERSAL,
    Type.GENERALIZEDTIME,
    false,
    at
      .toISOString()
      .replace(/[-:T]/g, '')
      .replace(/\.\d+Z/, 'Z'),
  );
const der = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'binary');
const parse = (bytes: Uint8Array): Asn1 =>
  asn1.fromDer(forge.util.createBuffer(Buffer.from(bytes).toString('binary')), {
    strict: true,
    decodeBitStrings: false,
  } as never);
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const SHA256 = '2.16.840.1.101.3.4.2.1';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
/**
 * Policy of the built-in authority: an identifier of our own under 2.25, the arc of UUIDs (ITU-T X.667), which needs no registration.
 * It claims nothing about the clock but that it is this machine's.
 */
export const BUILT_IN_POLICY = '2.25.179292412996405684954118334632074717138';

/** The identity of a time-stamp authority: from a key file, or with the key in a module. */
export type TimestampIdentity = CertifiedKey | { readonly signer: Signer; readonly chainPem: string };

/** The built-in time-stamp authority. Its word is worth what its operator's clock is worth; an external one is set by URL later. */
export class TimestampAuthority {
  readonly chainPem: string;
  readonly signer: Signer;
  readonly #chain: Buffer[];

  /** @throws SignerNotReadyError for a key that is not P-256, or without a certificate. */
  constructor(
    identity: TimestampIdentity,
    private readonly now: () => Date = () => new Date(),
  ) {
    this.signer = 'signer' in identity ? identity.signer : new FileSigner(identity.keyPem);
    this.chainPem = identity.chainPem;
    this.#chain = pemToDer(identity.chainPem);
    if (this.signer.algorithm !== 'ES256') throw new SignerNotReadyError('The time-stamping key must be P-256.');
    if (this.#chain.length === 0) throw new SignerNotReadyError('The certificate chain of the time-stamp authority is missing.');
  }

  /** A TimeStampToken (DER) over `bytes`: the imprint is their SHA-256. */
  async token(bytes: Uint8Array): Promise<Buffer> {
    const info = der(
      sequence([
        integer(Uint8Array.of(1)),
        policy(),
        sequence([sequence([oid(SHA256)]), octets(sha256(bytes))]),
        integer(Buffer.concat([Uint8Array.of(1), randomBytes(15)])),
        time(this.now()),
      ]),
    );
    const attributes = this.#attributes(info);
    const signature = ecdsaToDer(await this.signer.sign(der(setOf(attributes))));
    const { issuer, serial } = issuerAndSerial(this.#chain[0]!);
    const signerInfo = sequence([
      integer(Uint8Array.of(1)),
      sequence([issuer, serial]),
      sequence([oid(SHA256)]),
      tagged(0, attributes),
      sequence([oid(ECDSA_SHA256)]),
      octets(signature),
    ]);
    const signedData = sequence([
      integer(Uint8Array.of(3)),
      setOf([sequence([oid(SHA256)])]),
      sequence([oid(TST_INFO), tagged(0, [octets(info)])]),
      tagged(0, this.#chain.map(parse)),
      setOf([signerInfo]),
    ]);
    return der(sequence([oid(SIGNED_DATA), tagged(0, [signedData])]));
  }

  /** The signed attributes, in order of their encoding as DER wants the elements of a SET OF. */
  #attributes(info: Buffer): Asn1[] {
    const leaf = this.#chain[0]!;
    const { issuer, serial } = issuerAndSerial(leaf);
    const attribute = (type: string, value: Asn1): Asn1 => sequence([oid(type), setOf([value])]);
    const essCertId = sequence([octets(sha256(leaf)), sequence([sequence([tagged(4, [issuer])]), serial])]);
    return [
      attribute(CONTENT_TYPE, oid(TST_INFO)),
      attribute(MESSAGE_DIGEST, octets(sha256(info))),
      attribute(SIGNING_CERTIFICATE_V2, sequence([sequence([essCertId])])),
    ].sort((a, b) => Buffer.compare(der(a), der(b)));
  }
}

/** An object identifier is its arcs in base 128, the first two as one (2 · 40 + 25). */
function policy(): Asn1 {
  const bytes = [80 + 25];
  const groups: number[] = [];
  for (let arc = BigInt(BUILT_IN_POLICY.split('.')[2]!); arc > 0n; arc >>= 7n) groups.unshift(Number(arc & 0x7fn));
  bytes.push(...groups.map((group, i) => (i + 1 < groups.length ? group | 0x80 : group)));
  return asn1.create(Class.UNIVERSAL, Type.OID, false, Buffer.from(bytes).toString('binary'));
}

function issuerAndSerial(certificate: Buffer): { issuer: Asn1; serial: Asn1 } {
  const tbs = (parse(certificate).value as Asn1[])[0]!.value as Asn1[];
  const first = tbs[0]!.tagClass === Class.CONTEXT_SPECIFIC ? 1 : 0; // [0] version
  return { serial: tbs[first]!, issuer: tbs[first + 2]! };
}
