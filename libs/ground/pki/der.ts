/** One element of a DER encoding. `raw` is the whole element, as it was hashed or signed. */
export interface DerElement {
  /** The identifier octet: class, constructed bit, number below 31. */
  readonly tag: number;
  readonly content: Buffer;
  readonly raw: Buffer;
}

export const DER_SEQUENCE = 0x30;
export const DER_SET = 0x31;

export class DerError extends Error {}

/**
 * Reads one element. Strict where a second reading of the same bytes would be possible: definite, shortest lengths only, nothing past
 * the end. A reader of our own, because what is verified must be the very bytes that were signed.
 * @throws DerError
 */
export function readDer(bytes: Uint8Array, from = 0): DerElement {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = buffer[from];
  const first = buffer[from + 1];
  if (tag === undefined || first === undefined) throw new DerError('the element is cut off');
  if ((tag & 0x1f) === 0x1f) throw new DerError('long tags are not used here');
  let length = first;
  let start = from + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || start + count > buffer.length) throw new DerError('the length is not definite');
    length = buffer.readUIntBE(start, count);
    start += count;
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw new DerError('the length is not the shortest');
  }
  if (start + length > buffer.length) throw new DerError('the element is longer than its input');
  return { tag, content: buffer.subarray(start, start + length), raw: buffer.subarray(from, start + length) };
}

/** The elements inside a SEQUENCE, or inside a constructed element of another tag. Nothing may be left over. @throws DerError */
export function derChildren({ tag, content }: DerElement, expected: number = DER_SEQUENCE): DerElement[] {
  if (tag !== expected) throw new DerError(`tag ${tag.toString(16)} stands where ${expected.toString(16)} belongs`);
  const children: DerElement[] = [];
  for (let at = 0; at < content.length;) {
    const child = readDer(content, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/** Dotted form of an OBJECT IDENTIFIER; arcs of any size (2.25 carries UUIDs). @throws DerError */
export function derOid({ tag, content }: DerElement): string {
  if (tag !== 0x06 || content.length === 0) throw new DerError('not an object identifier');
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...rest].join('.');
}

/** ECDSA r ‖ s → DER SEQUENCE of two INTEGERs, as CMS wants it. */
export function ecdsaToDer(signature: Uint8Array): Buffer {
  const half = signature.length / 2;
  const integers = [signature.subarray(0, half), signature.subarray(half)].map((part) => {
    let start = 0;
    while (start < part.length - 1 && part[start] === 0) start++;
    const value = Buffer.concat([Buffer.alloc(part[start]! >= 0x80 ? 1 : 0), part.subarray(start)]);
    return Buffer.concat([Uint8Array.of(0x02, value.length), value]);
  });
  const body = Buffer.concat(integers); // at most 70 bytes for P-256: a short length
  return Buffer.concat([Uint8Array.of(0x30, body.length), body]);
}
