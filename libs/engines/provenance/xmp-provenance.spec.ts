import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MediaFolder, SPEC, newIdentity } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';
import { withoutProvenanceAddress } from './xmp-provenance.ts';

const ADDRESS = 'http://127.0.0.1:9/stranger.c2pa';
const inside = (description: string): string => `<x:xmpmeta><rdf:RDF>${description}</rdf:RDF></x:xmpmeta>`;

/** Ways to name an address that the engine still reads (marked) or that another reader might. */
const PACKETS = {
  'without the outer elements': `<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="${ADDRESS}"/>`,
  'without a space before the attribute': inside(`<rdf:Description a="b"dcterms:provenance="${ADDRESS}"/>`),
  'in an element with a tricky attribute': inside(
    `<rdf:Description><dcterms:provenance a="/>">${ADDRESS}</dcterms:provenance></rdf:Description>`,
  ),
  'under other outer names': `<xmpmeta><RDF><rdf:Description dcterms:provenance="${ADDRESS}"/></RDF></xmpmeta>`,
  'after a slash': inside(`<rdf:Description/dcterms:provenance="${ADDRESS}"/>`),
  unquoted: inside(`<rdf:Description dcterms:provenance=${ADDRESS} a="b"/>`),
  nested: inside(`<dcterms:provenance><dcterms:provenance>x</dcterms:provenance>${ADDRESS}</dcterms:provenance>`),
  'in a CDATA section': inside(`<dcterms:provenance><![CDATA[</dcterms:provenance>${ADDRESS}]]></dcterms:provenance>`),
  'under a prefix bound through an entity': inside(
    `<rdf:Description xmlns:q="http://purl.org/dc/terms&#47;" q:provenance="${ADDRESS}"/>`,
  ),
  'in UTF-16': Buffer.from(inside(`<rdf:Description dcterms:provenance="${ADDRESS}"/>`), 'utf16le').toString('latin1'),
} as const;

let folder: MediaFolder;
let identity: ClaimIdentity;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
});
afterAll(() => folder.remove());

function jpegWith(xmp: string, before = Buffer.alloc(0)): Buffer {
  const jpeg = folder.read(folder.jpeg().split('/').at(-1)!);
  const body = Buffer.from(`http://ns.adobe.com/xap/1.0/\0${xmp}`, 'latin1');
  const head = Buffer.from([0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255]);
  return Buffer.concat([jpeg.subarray(0, 2), before, head, body, jpeg.subarray(2)]);
}
const holds = (file: Buffer): boolean => file.toString('latin1').replaceAll('\0', '').includes('stranger.c2pa');

describe('an address hidden in XMP that is not well formed', () => {
  // The engine takes the first four for addresses.
  it.each(Object.entries(PACKETS).slice(0, 4))('does not survive our signature: %s', async (_name, xmp) => {
    const input = folder.write('hidden.jpg', jpegWith(xmp));
    const output = folder.at('signed.jpg');
    expect(await readC2pa(input, identity.anchors)).toMatchObject({ reasons: ['manifest.inaccessible'] });
    await signAsset({ input, output, mimeType: 'image/jpeg' }, SPEC, [], identity);
    expect(holds(folder.read('signed.jpg'))).toBe(false);
    expect(await readC2pa(output, identity.anchors)).toMatchObject({ state: 'trusted' });
  });

  it.each(Object.entries(PACKETS).slice(4))('is blanked for other readers too: %s', (_name, xmp) => {
    expect(holds(withoutProvenanceAddress(jpegWith(xmp), 'image/jpeg'))).toBe(false);
  });

  it('nor behind a marker without a length', () => {
    const file = jpegWith(PACKETS.nested, Buffer.from('ff01', 'hex'));
    expect(holds(withoutProvenanceAddress(file, 'image/jpeg'))).toBe(false);
  });

  it('nor in a PNG; a deflated one is no address for the engine', async () => {
    const png = folder.read(folder.png().split('/').at(-1)!);
    const xmp = inside(`<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="${ADDRESS}"/>`);
    for (const [flags, text] of [
      ['\0\0\0\0', Buffer.from(PACKETS.unquoted)],
      ['\u0001\0\0\0', deflateSync(xmp)],
    ] as const) {
      const body = Buffer.concat([Buffer.from(`iTXtXML:com.adobe.xmp\0${flags}`), text]);
      const frame = Buffer.alloc(8);
      frame.writeUInt32BE(body.length - 4, 0);
      frame.writeUInt32BE(crc32(body), 4);
      const odd = Buffer.concat([png.subarray(0, 33), frame.subarray(0, 4), body, frame.subarray(4), png.subarray(33)]);
      const input = folder.write('odd.png', odd);
      expect(await readC2pa(input, identity.anchors)).toMatchObject({ state: 'none', reasons: [] });
      await signAsset({ input, output: folder.at('odd.signed.png'), mimeType: 'image/png' }, SPEC, [], identity);
      expect(holds(folder.read('odd.signed.png'))).toBe(false);
      expect(await readC2pa(folder.at('odd.signed.png'), identity.anchors)).toMatchObject({ state: 'trusted' });
    }
  });
});

it('keeps the length of any file, and throws for none', () => {
  const name = fc.constantFrom('image/jpeg', 'image/png', 'video/mp4', 'image/webp');
  const start = fc.constantFrom('ffd8ffe1', '89504e470d0a1a0a', '0000001075756964');
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), name, (magic, tail, mimeType) => {
      const file = Buffer.concat([Buffer.from(magic, 'hex'), tail, Buffer.from('<x:xmpmeta provenance')]);
      return withoutProvenanceAddress(file, mimeType).length === file.length;
    }),
  );
});
