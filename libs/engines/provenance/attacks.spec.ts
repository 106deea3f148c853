import { createServer } from 'node:http';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { C2PA_CLAIM_SIGNING, DevelopmentAuthority, EMAIL_PROTECTION, TIME_STAMPING, createDevelopmentPki } from '#pki';
import { MediaFolder, SPEC, chunkOf, identityOf, newIdentity, resealed, signUnchecked } from './provenance.fixture.ts';
import { type C2paReport, MAX_VERIFY_BYTES, readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';

const PNG = 'image/png';
const DAY = 86_400_000;
let folder: MediaFolder;
let identity: ClaimIdentity;
let signed: Buffer;

beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
  await signAsset({ input: folder.png(), output: folder.at('signed.png'), mimeType: PNG }, SPEC, [], identity);
  signed = folder.read('signed.png');
});
afterAll(() => folder.remove());

const read = (bytes: Uint8Array, anchors = identity.anchors) => readC2pa(bytes, anchors);
function flip(png: Buffer, type: string, offset: number): Buffer {
  const chunk = chunkOf(png, type);
  const copy = Buffer.from(png);
  copy[chunk.start + 8 + offset]! ^= 1;
  return resealed(copy, chunk);
}

describe('a payload with one bit turned', () => {
  it('is tampered, whichever bit it is', async () => {
    const { start, end } = chunkOf(signed, 'IDAT');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: start + 8, max: end - 5 }), fc.nat(7), async (at, bit) => {
        const copy = Buffer.from(signed);
        copy[at]! ^= 1 << bit;
        return (await read(copy)).state === 'tampered';
      }),
      { numRuns: 5 },
    );
  });

  it('is tampered when the change is of metadata beside the pixels', async () => {
    const text = Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('tEXta\0b'), Buffer.alloc(4)]);
    const { start } = chunkOf(signed, 'IDAT');
    const report = await read(Buffer.concat([signed.subarray(0, start), text, signed.subarray(start)]));
    expect(report).toMatchObject({ state: 'tampered', reasons: expect.arrayContaining(['assertion.dataHash.mismatch']) });
  });
});

describe('a manifest with one byte changed', () => {
  const inStore = (needle: string): number => signed.indexOf(needle) - chunkOf(signed, 'caBX').start - 8;

  it.each([
    ['the consent that it names', 'q83vASNFZ4k', 'assertion.hashedURI.mismatch'],
    ['the claim', 'claim_generator_info', 'claimSignature.mismatch'],
  ])('is tampered: %s', async (_what, needle, reason) => {
    const report = await read(flip(signed, 'caBX', inStore(needle) + 2));
    expect(['tampered', 'unparsable']).toContain(report.state);
    if (report.state === 'tampered') expect(report.reasons).toContain(reason);
  });

  it('never makes a trusted report say anything else, whichever bit it is', async () => {
    const said = ({ state: _state, reasons: _reasons, summary: _summary, manifestSha256: _sha, ...rest }: C2paReport): object =>
      rest;
    const honest = said(await read(signed));
    const { start, end } = chunkOf(signed, 'caBX');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: end - start - 13 }), async (offset) => {
        const report = await read(flip(signed, 'caBX', offset));
        // The reserve behind the signature is nobody's statement: turning its zeros is no lie.
        // It may say less: a time stamp that was rubbed out proves nothing.
        if (report.state === 'trusted') expect(honest).toMatchObject(said(report));
        expect(report.state).not.toBe('none');
      }),
      { numRuns: 14 },
    );
  });
});

describe('a tampered ingredient', () => {
  let broken: string;
  beforeAll(async () => {
    await signAsset(
      { input: folder.png('footage.png', 3), output: folder.at('footage.signed.png'), mimeType: PNG },
      SPEC,
      [],
      identity,
    );
    broken = folder.write('footage.broken.png', flip(folder.read('footage.signed.png'), 'IDAT', 20));
  });
  const part = (path: string) => [{ id: 'footage', title: 'footage', path, mimeType: PNG }];

  it('is refused by the signer before anything is signed', async () => {
    const output = folder.at('over-broken.png');
    await expect(signAsset({ input: folder.png(), output, mimeType: PNG }, SPEC, part(broken), identity)).rejects.toMatchObject({
      problem: { slug: 'ingredient-not-verifiable', status: 422 },
      members: { state: 'tampered' },
    });
    expect(() => folder.read('over-broken.png')).toThrow(/ENOENT/);
  });

  it('is named by the reader when somebody signed over it, however deep it lies', async () => {
    await signUnchecked({ input: folder.png(), output: folder.at('replica.png'), mimeType: PNG }, identity, {
      ingredients: part(broken),
    });
    await signUnchecked({ input: folder.png(), output: folder.at('render.png'), mimeType: PNG }, identity, { ingredients: part(folder.at('replica.png')) }); // prettier-ignore
    for (const name of ['replica.png', 'render.png']) {
      const report = await readC2pa(folder.at(name), identity.anchors);
      expect(report, name).toMatchObject({ state: 'ingredient-failed', reasons: ['assertion.dataHash.mismatch'] });
    }
  });
});

describe('a certificate in another role', () => {
  const signAs = async (usages: string[], asTsaRoot = false): Promise<{ bytes: Buffer; anchors: ClaimIdentity['anchors'] }> => {
    const authority = await DevelopmentAuthority.create('Anything');
    const wrong = { ...identityOf(await authority.issue(usages), (await createDevelopmentPki()).tsa), tsa: identity.tsa };
    await signUnchecked({ input: folder.png(), output: folder.at('role.png'), mimeType: PNG }, wrong);
    const anchors = asTsaRoot
      ? { claimRootsPem: identity.anchors.claimRootsPem, tsaRootsPem: authority.rootPem + identity.anchors.tsaRootsPem }
      : { claimRootsPem: authority.rootPem, tsaRootsPem: identity.anchors.tsaRootsPem };
    return { bytes: folder.read('role.png'), anchors };
  };

  it('does not vouch for a claim: the time-stamping certificate of an anchored root', async () => {
    const { bytes, anchors } = await signAs([TIME_STAMPING]);
    const report = await read(bytes, anchors);
    expect(report).toMatchObject({ state: 'valid-untrusted', reasons: ['signingCredential.invalid'] });
  });

  it('does not vouch for a claim: a claim certificate whose root is only on the time-stamping list', async () => {
    const { bytes, anchors } = await signAs([EMAIL_PROTECTION, C2PA_CLAIM_SIGNING], true);
    expect(await read(bytes, anchors)).toMatchObject({ state: 'valid-untrusted' });
  });

  it('does vouch when usage and list are right', async () => {
    const { bytes, anchors } = await signAs([EMAIL_PROTECTION, C2PA_CLAIM_SIGNING]);
    expect(await read(bytes, anchors)).toMatchObject({ state: 'trusted' });
  });
});

describe('anchors of somebody else', () => {
  it('make an intact file valid-untrusted, never trusted', async () => {
    const other = await newIdentity();
    const report = await read(signed, other.anchors);
    expect(report).toMatchObject({ state: 'valid-untrusted', reasons: expect.arrayContaining(['signingCredential.untrusted']) });
    expect(report.signedAt).toBeUndefined(); // nor is a time shown that only an unknown authority states
  });

  it('are not needed to see that a file was changed', async () => {
    expect(await read(flip(signed, 'IDAT', 20), { claimRootsPem: '', tsaRootsPem: '' })).toMatchObject({ state: 'tampered' });
  });
});

describe('an expired certificate', () => {
  const start = new Date(Date.now() - 730 * DAY);
  const signOld = async (stampedAt?: Date): Promise<[Buffer, ClaimIdentity['anchors']]> => {
    const { claim, tsa } = await createDevelopmentPki({ notBefore: start, validDays: 365 });
    const old = identityOf(claim, tsa, () => stampedAt ?? new Date());
    await signUnchecked({ input: folder.png(), output: folder.at('old.png'), mimeType: PNG }, old, {
      stamped: stampedAt !== undefined,
    });
    return [folder.read('old.png'), old.anchors];
  };

  it('with a time stamp from before its end is trusted, at that time', async () => {
    const at = new Date(start.getTime() + 100 * DAY);
    const report = await read(...(await signOld(at)));
    expect(report.state).toBe('trusted');
    expect(new Date(report.signedAt!).getTime()).toBe(Math.floor(at.getTime() / 1000) * 1000);
  });

  it('without a time stamp is expired', async () => {
    expect(await read(...(await signOld()))).toMatchObject({ state: 'expired' });
  });

  it('with a time stamp from after its end is expired', async () => {
    const { claim } = await createDevelopmentPki({ notBefore: start, validDays: 365 });
    const { tsa } = await createDevelopmentPki();
    const late = identityOf(claim, tsa);
    await signUnchecked({ input: folder.png(), output: folder.at('late.png'), mimeType: PNG }, late);
    expect(await read(folder.read('late.png'), late.anchors)).toMatchObject({ state: 'expired' });
  });
});

describe('a manifest at another address', () => {
  it('is never fetched: no request reaches the canary, whatever names it', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as { port: number };
    const xmp = `http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="http://127.0.0.1:${port}/x.c2pa"/></rdf:RDF></x:xmpmeta>`;
    const jpeg = folder.read(folder.jpeg().split('/').pop()!);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(xmp.length + 2);
    const withAddress = Buffer.concat([
      jpeg.subarray(0, 2),
      Buffer.of(0xff, 0xe1),
      size,
      Buffer.from(xmp, 'latin1'),
      jpeg.subarray(2),
    ]);
    const path = folder.write('remote.jpg', withAddress);
    try {
      expect(await readC2pa(path, identity.anchors)).toMatchObject({ state: 'none', reasons: ['manifest.inaccessible'] });
      await signAsset({ input: path, output: folder.at('remote.signed.jpg'), mimeType: 'image/jpeg' }, SPEC, [{ id: 'i', title: 'i', path, mimeType: 'image/jpeg' }], identity); // prettier-ignore
      expect(await readC2pa(folder.at('remote.signed.jpg'), identity.anchors)).toMatchObject({ state: 'trusted' });
      await signUnchecked({ input: path, output: folder.at('remote.kept.jpg'), mimeType: 'image/jpeg' }, identity);
      await readC2pa(folder.at('remote.kept.jpg'), identity.anchors);
      expect(requests).toBe(0);
    } finally {
      server.close();
    }
  });
});

describe('bytes that are no honest file', () => {
  it('are what their content says, whatever they are called', async () => {
    expect(await readC2pa(folder.write('picture.mp4', signed), identity.anchors)).toMatchObject({ state: 'trusted' });
    expect(await readC2pa(folder.write('text.png', Buffer.from('hello')), identity.anchors)).toMatchObject({
      state: 'unparsable',
      reasons: ['media-type-unsupported'],
    });
  });

  it('are not read beyond the published size', async () => {
    const path = folder.write('huge.png', signed);
    await truncate(path, MAX_VERIFY_BYTES + 1); // sparse
    expect(await readC2pa(path, identity.anchors)).toMatchObject({ state: 'unparsable', reasons: ['upload-too-large'] });
  });

  it('give a report, never a throw', async () => {
    await mkdir(join(folder.path, 'junk'), { recursive: true });
    const junk: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['one byte', Buffer.of(0xff)],
      ['half a picture', signed.subarray(0, signed.length / 2)],
      ['a manifest cut in its middle', signed.subarray(0, chunkOf(signed, 'caBX').start + 3000)],
      ['text', Buffer.from('hello')],
    ];
    for (const [name, bytes] of junk) {
      const path = join(folder.path, 'junk', 'file.png');
      await writeFile(path, bytes);
      const { state } = await readC2pa(path, identity.anchors);
      expect(['unparsable', 'tampered', 'none'], name).toContain(state);
    }
  });
});
