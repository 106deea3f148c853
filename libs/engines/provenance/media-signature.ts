import { closeSync, openSync, readSync } from 'node:fs';

const ascii = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to);
const TOP_BOXES = ['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'styp', 'moof'];
const BRANDS: Readonly<Record<string, string>> = {
  'M4A ': 'audio/mp4',
  'qt  ': 'video/quicktime',
  heic: 'image/heic',
  heix: 'image/heic',
  mif1: 'image/heif',
  avif: 'image/avif',
};

/** Containers that the C2PA engine reads, by their first bytes. */
const MAGIC: readonly [string, (bytes: Buffer) => boolean][] = [
  ['image/jpeg', (b) => b[0] === 0xff && b[1] === 0xd8],
  ['image/png', (b) => b.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))],
  ['image/gif', (b) => ['GIF87a', 'GIF89a'].includes(ascii(b, 0, 6))],
  ['image/webp', (b) => ascii(b, 0, 4) === 'RIFF' && ascii(b, 8, 12) === 'WEBP'],
  ['image/tiff', (b) => ['49492a00', '4d4d002a'].includes(b.toString('hex', 0, 4))],
  ['video/mp4', (b) => TOP_BOXES.includes(ascii(b, 4, 8))],
  ['video/avi', (b) => ascii(b, 0, 4) === 'RIFF' && ascii(b, 8, 12) === 'AVI '],
  ['audio/wav', (b) => ascii(b, 0, 4) === 'RIFF' && ascii(b, 8, 12) === 'WAVE'],
  ['audio/flac', (b) => ascii(b, 0, 4) === 'fLaC'],
  ['audio/mpeg', (b) => ascii(b, 0, 3) === 'ID3' || (b[0] === 0xff && ((b[1] ?? 0) & 0xe6) === 0xe2)],
];

/** What the content says it is; the name and any header never decide. Undefined: nothing that can carry a manifest. */
export function sniffMediaType(source: string | Uint8Array): string | undefined {
  const bytes = typeof source === 'string' ? firstBytes(source) : Buffer.from(source.subarray(0, 16));
  const found = MAGIC.find(([, matches]) => matches(bytes))?.[0];
  return found === 'video/mp4' ? (BRANDS[ascii(bytes, 8, 12)] ?? found) : found;
}

function firstBytes(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(16);
    return bytes.subarray(0, readSync(fd, bytes, 0, 16, 0));
  } finally {
    closeSync(fd);
  }
}
