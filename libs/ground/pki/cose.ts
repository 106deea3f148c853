import { encode } from 'cborg';
import { pemToDer } from './certificates.ts';
import { SignerNotReadyError } from './pki.errors.ts';
import type { Signer } from './signer.ts';
import type { TimestampAuthority } from './timestamp-authority.ts';

const cbor = (value: unknown): Buffer => Buffer.from(encode(value));
const ALGORITHM = { ES256: -7, EdDSA: -8 } as const;

export interface CoseOptions {
  readonly signer: Signer;
  /** Leaf first. The leaf alone is not enough for verifiers. */
  readonly chainPem: string;
  readonly claim: Uint8Array;
  /** The result has exactly this size: the file was laid out before it was signed. */
  readonly reserveSize: number;
  readonly tsa?: TimestampAuthority;
  /** OCSP responses (DER) to staple, so that a verifier without a network learns of a revocation. */
  readonly ocsp?: readonly Uint8Array[];
}

/**
 * COSE_Sign1 of a C2PA claim (C2PA 2.2 §13.2): detached payload, x5chain in the protected header, RFC 3161 token as `sigTst2`, zeros
 * up to the reserved size.
 */
export async function coseSign1({ signer, chainPem, claim, reserveSize, tsa, ocsp }: CoseOptions): Promise<Buffer> {
  const chain = pemToDer(chainPem);
  if (chain.length < 2) throw new SignerNotReadyError('The certificate chain needs leaf and intermediate.');
  const header = cbor(new Map<number, unknown>([[1, ALGORITHM[signer.algorithm]], [33, chain]])); // prettier-ignore
  const signature = Buffer.from(await signer.sign(cbor(['Signature1', header, Buffer.alloc(0), Buffer.from(claim)])));
  const unprotected: [string, unknown][] = [];
  if (tsa) {
    // The imprint of sigTst2 covers the signature, wrapped as a countersignature structure (C2PA 2.2 §10.3.2.5).
    const stamped = cbor(['CounterSignature', header, Buffer.alloc(0), cbor(signature)]);
    unprotected.push(['sigTst2', { tstTokens: [{ val: await tsa.token(stamped) }] }]);
  }
  if (ocsp) unprotected.push(['rVals', { ocspVals: ocsp }]);
  const TAG_SIGN1 = Buffer.from([0xd2]); // tag 18, written by hand: cborg has no tag type
  const build = (...pads: [string, Buffer][]): Buffer =>
    Buffer.concat([TAG_SIGN1, cbor([header, new Map([...unprotected, ...pads]), null, signature])]);
  return padTo(build, reserveSize);
}

/** Length prefixes of CBOR jump by a byte at 24, 256 and 65,536: a second pad closes the gap where one pad cannot hit the size. */
function padTo(build: (...pads: [string, Buffer][]) => Buffer, size: number): Buffer {
  const bare = build(['pad', Buffer.alloc(0)]).length;
  if (bare > size) throw new SignerNotReadyError(`The signature needs ${bare} bytes, ${size} are reserved. Shorten the chain.`);
  for (let pad = size - bare; pad >= Math.max(0, size - bare - 8); pad--) {
    const one = build(['pad', Buffer.alloc(pad)]);
    if (one.length === size) return one;
  }
  for (let pad = size - bare; pad >= 0; pad--) {
    for (let second = 0; second < 24; second++) {
      const two = build(['pad', Buffer.alloc(pad)], ['pad2', Buffer.alloc(second)]);
      if (two.length === size) return two;
      if (two.length > size) break;
    }
  }
  throw new SignerNotReadyError('The signature cannot be padded to its reserved size.');
}
