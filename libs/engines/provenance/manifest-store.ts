import { X509Certificate } from 'node:crypto';
import { decode } from 'cborg';

/*
 * The manifest store is JUMBF (ISO 19566-5): boxes in boxes, each superbox opening with a description that carries its label. We read
 * it ourselves for one thing that the engine does not report: which certificate signed, and for what it may be used.
 */
interface Box {
  readonly type: string;
  readonly content: Buffer;
}
const SIGN1_TAG = 0xd2; // CBOR tag 18
const X5CHAIN = 33;

/**
 * The leaf certificate that signed a manifest of the store. Undefined when store, manifest or certificate cannot be read; the caller
 * then lacks a proof and must not trust.
 */
export function findSigningCertificate(store: Uint8Array, manifestLabel: string): X509Certificate | undefined {
  const root = boxesOf(Buffer.from(store.buffer, store.byteOffset, store.byteLength))[0];
  const manifest = root && findLabelled(boxesOf(root.content), manifestLabel);
  const signature = manifest && findLabelled(manifest, 'c2pa.signature')?.find(({ type }) => type === 'cbor');
  if (!signature) return undefined;
  try {
    const leaf = leafOf(signature.content);
    return leaf && new X509Certificate(leaf);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function leafOf(cose: Buffer): Uint8Array | undefined {
  const [header, unprotected] = decode(cose[0] === SIGN1_TAG ? cose.subarray(1) : cose, { useMaps: true }) as [
    Uint8Array,
    Map<unknown, unknown>,
  ];
  const guarded = decode(header, { useMaps: true }) as Map<unknown, unknown>;
  // Claims before 2.0 wrote the name in letters and were allowed to leave it unprotected.
  const chain = guarded.get(X5CHAIN) ?? guarded.get('x5chain') ?? unprotected.get(X5CHAIN) ?? unprotected.get('x5chain');
  const leaf: unknown = Array.isArray(chain) ? chain[0] : chain;
  return leaf instanceof Uint8Array ? leaf : undefined;
}

/** The boxes inside the superbox of this label. */
function findLabelled(boxes: readonly Box[], label: string): Box[] | undefined {
  for (const { type, content } of boxes) {
    if (type !== 'jumb') continue;
    const inner = boxesOf(content);
    if (inner[0]?.type === 'jumd' && labelOf(inner[0].content) === label) return inner;
  }
  return undefined;
}

/** 16 bytes of type, one of flags, then the label up to a zero byte. */
function labelOf(description: Buffer): string {
  const end = description.indexOf(0, 17);
  return description.toString('utf8', 17, end < 0 ? description.length : end);
}

/** Stops at the first box that does not fit: what follows cannot be told apart any more. */
function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    let size = bytes.readUInt32BE(at);
    let head = 8;
    if (size === 1 && at + 16 <= bytes.length) {
      size = Number(bytes.readBigUInt64BE(at + 8));
      head = 16;
    } else if (size === 0) size = bytes.length - at;
    if (size < head || at + size > bytes.length) break;
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), content: bytes.subarray(at + head, at + size) });
    at += size;
  }
  return boxes;
}
