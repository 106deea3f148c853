import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createDevelopmentPki } from '#pki';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  MediaFolder,
  SPEC,
  chunkOf,
  ffmpegReason,
  hasFfmpeg,
  identityOf,
  newIdentity,
  resealed,
  signUnchecked,
} from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, requireReady, signAsset } from './sign-asset.ts';
import { withoutProvenanceAddress } from './xmp-provenance.ts';

let folder: MediaFolder;
let identity: ClaimIdentity;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
});
afterAll(() => folder.remove());
const read = (bytes: Uint8Array) => readC2pa(bytes, identity.anchors);

describe('PR-01 a stranger’s manifest address', () => {
  const packet = (address: string, form: 'attribute' | 'element' | 'other prefix'): string => {
    const inside = {
      attribute: `<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="${address}" dcterms:title="kept"/>`,
      element: `<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/"><dcterms:provenance>${address}</dcterms:provenance><dcterms:title>kept</dcterms:title></rdf:Description>`,
      'other prefix': `<rdf:Description xmlns:d.c="http://purl.org/dc/terms/" d.c:provenance='${address}' d.c:title="kept"/>`,
    }[form];
    return `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${inside}</rdf:RDF></x:xmpmeta>`;
  };
  const jpegWith = (xmp: string): Buffer => {
    const jpeg = folder.read(folder.jpeg().split('/').at(-1)!);
    const body = Buffer.from(`http://ns.adobe.com/xap/1.0/\0${xmp}`);
    const head = Buffer.from([0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255]);
    return Buffer.concat([jpeg.subarray(0, 2), head, body, jpeg.subarray(2)]);
  };

  it('gets no request, does not survive our signature, and is named when read', async () => {
    let requests = 0;
    const server = createServer((_request, response) => void (requests++, response.end()));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = `http://127.0.0.1:${(server.address() as { port: number }).port}/x.c2pa`;
    try {
      const path = folder.write('address.jpg', jpegWith(packet(address, 'attribute')));
      expect(await readC2pa(path, identity.anchors)).toMatchObject({
        state: 'none',
        summary: expect.stringContaining(address),
        reasons: ['manifest.inaccessible'],
      });
      const output = folder.at('signed.jpg');
      const part = { id: 'i', title: 'i', path, mimeType: 'image/jpeg' };
      await signAsset({ input: path, output, mimeType: 'image/jpeg' }, SPEC, [part], identity);
      expect(await readC2pa(output, identity.anchors)).toMatchObject({ state: 'trusted' });
      expect(folder.read('signed.jpg').includes('x.c2pa')).toBe(false);
      expect(folder.read('signed.jpg').includes('kept')).toBe(true);
      expect(requests).toBe(0);
      expect(readdirSync(folder.path).filter((name) => name.includes('.clean-'))).toEqual([]);
    } finally {
      server.close();
    }
  });

  it.each(['attribute', 'element', 'other prefix'] as const)('is blanked in place as %s, in JPEG, PNG and MP4', (form) => {
    const xmp = packet('http://stranger.example/x', form);
    const png = folder.read(folder.png().split('/').at(-1)!);
    const text = Buffer.concat([Buffer.alloc(4), Buffer.from(`iTXtXML:com.adobe.xmp\0\0\0\0\0${xmp}`), Buffer.alloc(4)]);
    text.writeUInt32BE(text.length - 12, 0);
    const box = Buffer.concat([Buffer.alloc(4), Buffer.from('uuid'), Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex'), Buffer.from(xmp)]); // prettier-ignore
    box.writeUInt32BE(box.length, 0);
    const files: [Buffer, string][] = [
      [jpegWith(xmp), 'image/jpeg'],
      [Buffer.concat([png.subarray(0, 33), text, png.subarray(33)]), 'image/png'],
      [Buffer.concat([Buffer.from('0000001066747970', 'hex'), Buffer.from('isom\0\0\0\0'), box]), 'video/mp4'],
    ];
    for (const [file, mimeType] of files) {
      const clean = withoutProvenanceAddress(file, mimeType);
      expect(clean.length).toBe(file.length);
      expect(clean.includes('stranger.example')).toBe(false);
      expect(clean.includes('kept')).toBe(true);
      if (mimeType === 'image/png') expect(resealed(clean, chunkOf(clean, 'iTXt')).equals(clean)).toBe(true);
    }
  });

  it('leaves files alone that name none, however short', () => {
    for (const name of ['jpeg', 'png'] as const) {
      const bytes = folder.read(folder[name]().split('/').at(-1)!);
      for (const file of [bytes, bytes.subarray(0, 20), bytes.subarray(0, 3), Buffer.alloc(0)])
        expect(withoutProvenanceAddress(file, `image/${name}`)).toBe(file);
    }
  });
});

describe('PR-02 the signing time is only what a valid token proves', () => {
  it('shows no time for a token with another digit, lists the fault, and trusts nothing through it', async () => {
    const output = folder.at('time.png');
    await signAsset({ input: folder.png(), output, mimeType: 'image/png' }, SPEC, [], identity);
    const signed = folder.read('time.png');
    const at = signed.toString('latin1').search(/20\d{12}Z/); // certificates write two-digit years
    for (const digit of [3, 13]) {
      const copy = Buffer.from(signed);
      copy[at + digit] = copy[at + digit] === 0x31 ? 0x32 : 0x31;
      const report = await read(resealed(copy, chunkOf(copy, 'caBX')));
      expect(report.signedAt).toBeUndefined();
      expect(report.state).not.toBe('trusted');
      expect(report.reasons.some((code) => /^timeStamp\.(mismatch|malformed)$/.test(code))).toBe(true);
    }
  });

  it('shows no time of an authority that is on nobody’s list', async () => {
    const report = await readC2pa(folder.at('time.png'), { ...identity.anchors, tsaRootsPem: '' });
    expect(report.signedAt).toBeUndefined();
  });

  it.each([
    ['expired with a good token', true, 'trusted'],
    ['expired without one', false, 'expired'],
  ])('%s: %s', async (_name, stamped, state) => {
    const start = new Date(Date.now() - 730 * 86_400_000);
    const { claim, tsa } = await createDevelopmentPki({ notBefore: start, validDays: 365 });
    const old = identityOf(claim, tsa, () => new Date(start.getTime() + 1e10));
    await signUnchecked({ input: folder.png(), output: folder.at('old.png'), mimeType: 'image/png' }, old, { stamped });
    expect(await readC2pa(folder.at('old.png'), old.anchors)).toMatchObject({ state });
  });
});

describe('PR-03 the self-check must not eat good files', () => {
  it.each([
    ['missing', () => ({ claimRootsPem: '', tsaRootsPem: '' })],
    ['foreign', async () => (await newIdentity()).anchors],
  ])('refuses to sign with anchors %s: signer-not-ready, before any work', async (name, anchors) => {
    const unready = { ...identity, anchors: await anchors() };
    const output = folder.at(`${name}.png`);
    const refusal = { problem: { slug: 'signer-not-ready', status: 503 } };
    await expect(signAsset({ input: folder.at('not even read'), output, mimeType: 'image/png' }, SPEC, [], unready)).rejects.toMatchObject(refusal); // prettier-ignore
    expect(() => requireReady(unready)).toThrow(/anchor/);
    expect(() => folder.read(`${name}.png`)).toThrow(/ENOENT/);
  });

  it('refuses to start without an identity', () => {
    expect(() => requireReady(undefined)).toThrow(/No signing identity/);
  });
});

describe('PR-04 odd but legal files', () => {
  const tail = Buffer.alloc(4096);

  it('JPEG with an empty APP11 segment: none; with zeros behind its end: none unsigned, tampered signed', async () => {
    const jpeg = folder.read(folder.jpeg().split('/').at(-1)!);
    const odd = Buffer.concat([jpeg.subarray(0, 2), Buffer.from('ffeb0002', 'hex'), jpeg.subarray(2)]);
    expect(await read(odd)).toMatchObject({ state: 'none' });
    expect(await read(Buffer.concat([jpeg, tail]))).toMatchObject({ state: 'none' });
    await signAsset(
      { input: folder.write('odd.jpg', odd), output: folder.at('odd.signed.jpg'), mimeType: 'image/jpeg' },
      SPEC,
      [],
      identity,
    );
    const signed = folder.read('odd.signed.jpg');
    expect(await read(signed)).toMatchObject({ state: 'trusted' });
    expect(await read(Buffer.concat([signed, tail]))).toMatchObject({
      state: 'tampered',
      reasons: ['assertion.dataHash.mismatch'],
    });
  });

  it.skipIf(!hasFfmpeg)(
    `mov with a last box to the end of file, a 64-bit size, a wide box, an oversized box${ffmpegReason}`,
    async () => {
      folder.movie('m.mov');
      const mov = folder.read('m.mov');
      const boxes: { type: string; at: number; size: number }[] = [];
      for (let at = 0; at < mov.length; at += boxes.at(-1)!.size)
        boxes.push({ type: mov.toString('latin1', at + 4, at + 8), at, size: mov.readUInt32BE(at) });
      const last = boxes.at(-1)!;
      const sized = (size: number): Buffer => {
        const copy = Buffer.from(mov);
        copy.writeUInt32BE(size, last.at);
        return copy;
      };
      const mdat = boxes.find(({ type }) => type === 'mdat')!;
      const long = Buffer.alloc(16);
      long.writeUInt32BE(1, 0);
      long.write('mdat', 4);
      long.writeBigUInt64BE(BigInt(mdat.size + 8), 8);
      const after = boxes[0]!.size;
      const legal = {
        'size 0': sized(0),
        '64-bit size': Buffer.concat([mov.subarray(0, mdat.at), long, mov.subarray(mdat.at + 8)]),
        'a wide box': Buffer.concat([mov.subarray(0, after), Buffer.from('0000000877696465', 'hex'), mov.subarray(after)]),
      };
      for (const [name, bytes] of Object.entries(legal)) expect(await read(bytes), name).toMatchObject({ state: 'none' });
      expect(await read(sized(last.size + 5000))).toMatchObject({ state: 'unparsable' });
      const output = folder.at('m.signed.mov');
      await signAsset(
        { input: folder.write('zero.mov', legal['size 0']), output, mimeType: 'video/quicktime' },
        SPEC,
        [],
        identity,
      );
      expect(await readC2pa(output, identity.anchors)).toMatchObject({ state: 'trusted' });
    },
  );
});

describe('PR-05 two manifest stores, a moved store', () => {
  it('is never trusted and never none', async () => {
    const output = folder.at('store.png');
    await signAsset({ input: folder.png(), output, mimeType: 'image/png' }, SPEC, [], identity);
    const png = folder.read('store.png');
    const { start, end } = chunkOf(png, 'caBX');
    const store = png.subarray(start, end);
    expect(await read(Buffer.concat([png.subarray(0, end), store, png.subarray(end)]))).toMatchObject({
      state: 'tampered',
      summary: 'The file holds more than one manifest store.',
    });
    const { start: iend } = chunkOf(png, 'IEND');
    const moved = Buffer.concat([png.subarray(0, start), png.subarray(end, iend), store, png.subarray(iend)]);
    expect(await read(moved)).toMatchObject({ state: 'tampered', reasons: ['assertion.dataHash.mismatch'] });
  });
});
