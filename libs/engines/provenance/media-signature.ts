import { openSync, readSync, closeSync } from 'node:fs';

const MAGIC: readonly [string, (bytes: Buffer) => boolean][] = [
  ['image/jpeg', (b) => b[0] === 0xff && b[1] === 0xd8],
  ['image/png', (b) => b.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))],
  ['video/mp4', (b) => ['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip'].includes(b.toString('latin1', 4, 8))],
  ['audio/wav', (b) => b.toString('latin1', 0, 4) === 'RIFF' && b.toString('latin1', 8, 12) === 'WAVE'],
  [
    'audio/mpeg',
    (b) => b.toString('latin1', 0, 3) === 'ID3' || (b[0] === 0xff && ((b[1] ?? 0) & 0xe0) === 0xe0 && b[1] !== 0xd8),
  ],
];

/** What the content says it is; the name and any header never decide. Undefined: nothing that we can read. */
export function sniffMediaType(path: string): string | undefined {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(16);
    readSync(fd, bytes, 0, 16, 0);
    const found = MAGIC.find(([, matches]) => matches(bytes))?.[0];
    const brand = bytes.toString('latin1', 8, 12);
    if (found === 'video/mp4' && brand === 'M4A ') return 'audio/mp4';
    if (found === 'video/mp4' && brand === 'qt  ') return 'video/quicktime';
    return found;
  } finally {
    closeSync(fd);
  }
}
