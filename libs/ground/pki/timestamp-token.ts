import { X509Certificate, createHash, verify } from 'node:crypto';
import { orderChain, verifyChain } from './certificates.ts';
import { DER_SEQUENCE, DER_SET, type DerElement, DerError, derChildren, derOid, readDer } from './der.ts';

/** Context-specific, constructed, number 0: explicit content, certificates and signed attributes stand under it. */
const TAGGED_0 = 0xa0;

const OID = {
  signedData: '1.2.840.113549.1.7.2',
  tstInfo: '1.2.840.113549.1.9.16.1.4',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const;
const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

export interface TimestampReport {
  readonly ok: boolean;
  /** Set only when everything holds: a time nobody proved is not shown. */
  readonly time?: Date;
  readonly policy?: string;
  readonly faults: readonly string[];
}

/**
 * Checks an RFC 3161 token over `bytes` against time-stamping roots: imprint, digest, signature, certificate binding (RFC 5035), usage
 * and chain at the stamped time. Reports, also for garbage.
 */
export function verifyTimestampToken(token: Uint8Array, bytes: Uint8Array, tsaRootsPem: string): TimestampReport {
  try {
    return verifyParts(readToken(token), bytes, tsaRootsPem);
  } catch (error) {
    // Also what node:crypto throws for a hostile key or certificate: a finding, never a crash of the verifier.
    return { ok: false, faults: [`malformed: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

interface TokenParts {
  readonly info: Buffer;
  readonly policy: string;
  readonly imprintDigest: string | undefined;
  readonly imprint: Buffer;
  readonly time: Date;
  readonly certificates: readonly X509Certificate[];
  readonly digest: string | undefined;
  /** The signed attributes as they were signed: a SET OF, not the implicit tag that stands in the file. */
  readonly signedAttributes: Buffer;
  readonly attributes: ReadonlyMap<string, DerElement>;
  readonly serial: Buffer;
  readonly signature: Buffer;
}

function verifyParts(parts: TokenParts, bytes: Uint8Array, tsaRootsPem: string): TimestampReport {
  const faults: string[] = [];
  const hash = (name: string | undefined, data: Uint8Array): Buffer | undefined =>
    name === undefined ? undefined : createHash(name).update(data).digest();
  const require = (holds: boolean | undefined, fault: string): void => void (holds === true || faults.push(fault));

  require(hash(parts.imprintDigest, bytes)?.equals(parts.imprint), 'the imprint is of other bytes');
  const contentType = parts.attributes.get(OID.contentType);
  require(contentType && derOid(contentType) === OID.tstInfo, 'the signed content is no time stamp');
  const digest = parts.attributes.get(OID.messageDigest)?.content;
  require(digest && hash(parts.digest, parts.info)?.equals(digest), 'the time stamp was changed after it was signed');
  // By serial only among the certificates sent; the binding below decides whether it is the right one.
  const leaf = parts.certificates.find((certificate) => sameNumber(certificate.serialNumber, parts.serial));
  if (!leaf) return { ok: false, faults: [...faults, 'the signing certificate is missing'] };
  require(boundTo(parts.attributes.get(OID.signingCertificateV2), leaf), 'the token does not name its certificate');
  require(parts.digest !== undefined &&
    verify(parts.digest, parts.signedAttributes, leaf.publicKey, parts.signature), 'the signature does not fit');
  const chain = orderChain(leaf, parts.certificates);
  faults.push(...verifyChain(chain, tsaRootsPem, 'time-stamping', parts.time));
  return faults.length > 0
    ? { ok: false, policy: parts.policy, faults }
    : { ok: true, time: parts.time, policy: parts.policy, faults };
}

function readToken(token: Uint8Array): TokenParts {
  const outer = readDer(token);
  if (outer.raw.length !== token.length) throw new DerError('bytes follow the token');
  const [type, wrapped] = derChildren(outer);
  if (!type || !wrapped || derOid(type) !== OID.signedData) throw new DerError('not signed data');
  const signedData = derChildren(at(derChildren(wrapped, TAGGED_0), 0));
  const [contentOid, contentBox] = derChildren(at(signedData, 2));
  if (!contentOid || !contentBox || derOid(contentOid) !== OID.tstInfo) throw new DerError('not a time stamp');
  const info = at(derChildren(contentBox, TAGGED_0), 0).content;
  const certificateBox = signedData.find(({ tag }) => tag === TAGGED_0);
  const certificates = certificateBox ? derChildren(certificateBox, TAGGED_0).map(({ raw }) => readCertificate(raw)) : [];
  const signers = derChildren(at(signedData, signedData.length - 1), DER_SET);
  if (signers.length !== 1) throw new DerError('a time stamp has one signer');
  const [, identifier, digest, attributeBox, , signature] = derChildren(signers[0]!);
  if (!identifier || !digest || attributeBox?.tag !== TAGGED_0 || !signature) throw new DerError('the signer is incomplete');
  return {
    ...readInfo(info),
    info,
    certificates,
    digest: DIGESTS[derOid(at(derChildren(digest), 0))],
    signedAttributes: Buffer.concat([Uint8Array.of(DER_SET), attributeBox.raw.subarray(1)]),
    attributes: readAttributes(attributeBox),
    serial: at(derChildren(identifier), 1).content,
    signature: signature.content,
  };
}

function readInfo(info: Buffer): Pick<TokenParts, 'policy' | 'imprintDigest' | 'imprint' | 'time'> {
  const [, policy, messageImprint, , genTime] = derChildren(readDer(info));
  if (!policy || !messageImprint || !genTime) throw new DerError('the time stamp is incomplete');
  const [algorithm, imprint] = derChildren(messageImprint);
  const text = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(genTime.content.toString('latin1'));
  if (genTime.tag !== 0x18 || !text) throw new DerError('the time is no GeneralizedTime in UTC');
  const time = new Date(`${text[1]}-${text[2]}-${text[3]}T${text[4]}:${text[5]}:${text[6]}${text[7]?.slice(0, 4) ?? ''}Z`);
  if (Number.isNaN(time.getTime())) throw new DerError('there is no such time');
  return {
    policy: derOid(policy),
    imprintDigest: DIGESTS[derOid(at(derChildren(at([algorithm!], 0)), 0))],
    imprint: at([imprint!], 0).content,
    time,
  };
}

function readAttributes(box: DerElement): Map<string, DerElement> {
  const attributes = new Map<string, DerElement>();
  for (const attribute of derChildren(box, TAGGED_0)) {
    const [type, values] = derChildren(attribute);
    if (!type || !values) throw new DerError('an attribute is incomplete');
    const name = derOid(type);
    if (attributes.has(name)) throw new DerError('an attribute stands twice');
    attributes.set(name, at(derChildren(values, DER_SET), 0));
  }
  return attributes;
}

/** ESSCertIDv2 (RFC 5035): a digest algorithm unless it is SHA-256, then the digest of the certificate. */
function boundTo(attribute: DerElement | undefined, leaf: X509Certificate): boolean {
  if (!attribute) return false;
  const parts = derChildren(at(derChildren(at(derChildren(attribute), 0)), 0));
  const named = parts[0]?.tag === DER_SEQUENCE;
  const digest = named ? DIGESTS[derOid(at(derChildren(parts[0]!), 0))] : 'sha256';
  const hash = at(parts, named ? 1 : 0);
  return digest !== undefined && hash.content.equals(createHash(digest).update(leaf.raw).digest());
}

function readCertificate(raw: Buffer): X509Certificate {
  try {
    return new X509Certificate(raw);
  } catch (cause) {
    throw new DerError('a certificate cannot be read', { cause });
  }
}

/** As hex without leading zeros: a hostile certificate may carry a negative number, which no arithmetic here needs. */
const sameNumber = (hex: string, bytes: Buffer): boolean => {
  const bare = (digits: string): string => digits.toLowerCase().replace(/^0+/, '');
  return bare(hex) === bare(bytes.toString('hex'));
};

function at(list: readonly (DerElement | undefined)[], index: number): DerElement {
  const element = list[index];
  if (!element) throw new DerError('an element is missing');
  return element;
}
