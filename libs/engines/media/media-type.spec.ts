import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { mediaTypeOf, readMediaType, surveyBoxes } from './media-type.ts';
import { MediaEmptyError, MediaTypeUnsupportedError } from './media.errors.ts';

const dir = mkdtempSync(join(tmpdir(), 'assent-type-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = (bytes: Buffer): string => {
  const path = join(dir, 'f');
  writeFileSync(path, bytes);
  return path;
};
const box = (type: string, body: Buffer = Buffer.alloc(0), size = body.length + 8): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const ftyp = (brand: string): Buffer => box('ftyp', Buffer.from(`${brand}\0\0\0\0`, 'latin1'));

describe('content decides what a file is', () => {
  it.each([
    ['isom', 'video/mp4'],
    ['iso5', 'video/mp4'],
    ['qt  ', 'video/quicktime'],
  ])('ISO media of brand %s', (brand, mediaType) => {
    expect(mediaTypeOf(ftyp(brand))).toMatchObject({ mediaType, demuxer: 'mov' });
  });

  it('Matroska and WebM by their DocType, other EBML not', () => {
    const ebml = (doc: string): Buffer =>
      Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x9f, 0x42, 0x82, 0x80 + doc.length]), Buffer.from(doc)]);
    expect(mediaTypeOf(ebml('webm'))?.mediaType).toBe('video/webm');
    expect(mediaTypeOf(ebml('matroska'))?.mediaType).toBe('video/x-matroska');
    expect(mediaTypeOf(ebml('secrets'))).toBeUndefined();
  });

  it.each([
    ['a HEIC photo', ftyp('heic')],
    ['an AVIF picture', ftyp('avif')],
    ['a JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1])],
    ['an HLS playlist', Buffer.from('#EXTM3U\nhttp://example.test/a.ts\n')],
    ['a concat list', Buffer.from("ffconcat version 1.0\nfile '/etc/hostname'\n")],
    ['a DASH manifest', Buffer.from('<?xml version="1.0"?><MPD/>')],
    ['an SDP', Buffer.from('v=0\no=- 0 0 IN IP4 127.0.0.1\n')],
    ['one byte', Buffer.from([0])],
  ])('refuses %s', async (_, bytes) => {
    await expect(readMediaType(file(bytes))).rejects.toBeInstanceOf(MediaTypeUnsupportedError);
  });

  it('calls nothing at all empty', async () => {
    await expect(readMediaType(file(Buffer.alloc(0)))).rejects.toBeInstanceOf(MediaEmptyError);
  });
});

describe('surveyBoxes', () => {
  const moov = box(
    'moov',
    box('trak', box('edts', box('elst', Buffer.from('00000000000000010000100000000400000100000', 'hex')))),
  );

  it('sees a box that ends behind the file, and a missing index', async () => {
    expect(await surveyBoxes(file(Buffer.concat([ftyp('isom'), moov])))).toEqual({ cutOff: false, hasEditList: true });
    expect((await surveyBoxes(file(Buffer.concat([ftyp('isom'), moov, box('mdat', Buffer.alloc(4), 400)])))).cutOff).toBe(true);
    expect((await surveyBoxes(file(Buffer.concat([ftyp('isom'), box('mdat', Buffer.alloc(4))])))).cutOff).toBe(true);
  });

  it('takes a last box of size 0 and a 64-bit size as legal', async () => {
    const wide = Buffer.alloc(16 + 4);
    wide.writeUInt32BE(1, 0);
    wide.write('mdat', 4);
    wide.writeBigUInt64BE(20n, 8);
    expect((await surveyBoxes(file(Buffer.concat([ftyp('qt  '), wide, moov, box('mdat', Buffer.alloc(9), 0)])))).cutOff).toBe(
      false,
    );
  });

  it('ends on any bytes whatever', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await surveyBoxes(file(Buffer.concat([ftyp('isom'), moov, Buffer.from(bytes)])));
      }),
      { numRuns: 60 },
    );
  });
});
