import { createHash } from 'node:crypto';
import { BMFF, JPEG, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore } from '@trustnxt/c2pa-ts/manifest';
import { PNG as PngPicture } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MediaFolder, SPEC, ffmpegReason, hasFfmpeg, newIdentity, signUnchecked } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';

let folder: MediaFolder;
let identity: ClaimIdentity;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
});
afterAll(() => folder.remove());

const MARKED = { ...SPEC, softBindings: [{ alg: 'dev.assent.watermark.video.1', value: '0123456789abcdef' }] };

/**
 * The second opinion: another implementation, which knows no trust lists but checks hashes and signatures on its own. It reads time
 * stamps only as a whole response where the specification wants the token, so it gets files without one; openssl judges the tokens.
 */
async function secondOpinion(
  bytes: Uint8Array<ArrayBuffer>,
  kind: typeof PNG | typeof JPEG | typeof BMFF,
): Promise<{ valid: boolean; codes: string[] }> {
  // It knows the container but only two brands of it; ours are the same boxes.
  const brands = (BMFF as unknown as { canReadBrands: Set<string> }).canReadBrands;
  for (const brand of ['isom', 'iso5', 'iso6', 'mp42', 'avc1', 'qt  ']) brands.add(brand);
  const asset = new kind(bytes);
  const store = ManifestStore.read(SuperBox.fromBuffer(Uint8Array.from(asset.getManifestJUMBF()!)));
  const result = await store.validate(asset);
  return { valid: result.isValid, codes: result.statusEntries.filter(({ success }) => !success).map(({ code }) => code) };
}

describe('a signed picture', () => {
  it('says what it is, what it was made from and under which consent, and nothing else', async () => {
    const output = folder.at('signed.png');
    const manifest = await signAsset(
      { input: folder.png(), output, mimeType: 'image/png' },
      MARKED,
      [{ id: 'replica', title: 'replica r-1', mimeType: 'application/vnd.assent.replica' }],
      identity,
    );
    const report = await readC2pa(output, identity.anchors);
    expect(report).toMatchObject({
      state: 'trusted',
      reasons: [],
      signer: 'Assent Development Claim Signing',
      consent: SPEC.consent,
      lineage: SPEC.lineage,
      softBindings: MARKED.softBindings,
      ingredients: [{ title: 'replica r-1', failures: [] }],
      manifestSha256: createHash('sha256').update(manifest).digest('hex'),
    });
    expect(Math.abs(Date.parse(report.signedAt!) - Date.now())).toBeLessThan(60_000);
    const text = folder.read('signed.png').toString('latin1');
    for (const said of [
      'c2pa.created',
      'trainedAlgorithmicMedia',
      'c2pa.watermarked.bound',
      'cawg.ai_generative_training',
      'notAllowed',
    ])
      expect(text).toContain(said);
  });

  it.each([
    ['PNG', 'image/png', PNG, 'b.png'],
    ['JPEG', 'image/jpeg', JPEG, 'b.jpg'],
  ] as const)('is valid for an independent reader: %s', async (kind, mimeType, asset, name) => {
    const input = kind === 'PNG' ? folder.png(name) : folder.jpeg(name);
    await signUnchecked({ input, output: folder.at(`signed-${name}`), mimeType }, identity, { spec: MARKED, stamped: false });
    expect(await secondOpinion(folder.bytes(`signed-${name}`), asset)).toEqual({ valid: true, codes: [] });
    const broken = folder.bytes(`signed-${name}`);
    broken[broken.length - 20]! ^= 1;
    expect((await secondOpinion(broken, asset)).valid).toBe(false);
  });

  it('decodes to the same pixels', async () => {
    const output = folder.at('same.png');
    await signAsset({ input: folder.png('c.png'), output, mimeType: 'image/png' }, SPEC, [], identity);
    expect(PngPicture.sync.read(folder.read('same.png')).data.equals(PngPicture.sync.read(folder.read('c.png')).data)).toBe(true);
  });

  it('embeds the manifest of an ingredient that has one, and stays trusted', async () => {
    await signAsset(
      { input: folder.png('card.png'), output: folder.at('card.signed.png'), mimeType: 'image/png' },
      SPEC,
      [],
      identity,
    );
    const part = { id: 'replica', title: 'replica', path: folder.at('card.signed.png'), mimeType: 'image/png' };
    await signAsset({ input: folder.png(), output: folder.at('render.png'), mimeType: 'image/png' }, SPEC, [part], identity);
    const report = await readC2pa(folder.at('render.png'), identity.anchors);
    expect(report).toMatchObject({ state: 'trusted', ingredients: [{ title: 'replica', failures: [] }] });
  });

  it('reads the same from bytes as from a file', async () => {
    const path = folder.at('signed.png');
    expect(await readC2pa(folder.read('signed.png'), identity.anchors)).toEqual(await readC2pa(path, identity.anchors));
  });
});

describe('a signed video', () => {
  it.skipIf(!hasFfmpeg)(`is trusted, valid for an independent reader, and decodes unchanged${ffmpegReason}`, async () => {
    await signAsset({ input: folder.movie(), output: folder.at('signed.mp4'), mimeType: 'video/mp4' }, MARKED, [], identity);
    expect(await readC2pa(folder.at('signed.mp4'), identity.anchors)).toMatchObject({ state: 'trusted' });
    await signUnchecked({ input: folder.at('a.mp4'), output: folder.at('unstamped.mp4'), mimeType: 'video/mp4' }, identity, { spec: MARKED, stamped: false }); // prettier-ignore
    expect(await secondOpinion(folder.bytes('unstamped.mp4'), BMFF)).toEqual({ valid: true, codes: [] });
    expect(folder.decoded('signed.mp4')).toBe(folder.decoded('a.mp4'));
    const broken = folder.read('signed.mp4');
    broken[broken.indexOf('mdat') + 500]! ^= 1;
    expect(await readC2pa(broken, identity.anchors)).toMatchObject({
      state: 'tampered',
      reasons: ['assertion.bmffHash.mismatch'],
    });
    const unstamped = folder.bytes('unstamped.mp4');
    unstamped[Buffer.from(unstamped).indexOf('mdat') + 500]! ^= 1;
    expect((await secondOpinion(unstamped, BMFF)).valid).toBe(false);
  });

  it.skipIf(!hasFfmpeg)(`is none after a remux, and never "authentic"${ffmpegReason}`, async () => {
    await signAsset({ input: folder.movie('d.mp4'), output: folder.at('e.mp4'), mimeType: 'video/mp4' }, SPEC, [], identity);
    folder.ffmpeg('-i e.mp4 -c copy stripped.mp4');
    const report = await readC2pa(folder.at('stripped.mp4'), identity.anchors);
    expect(report).toMatchObject({ state: 'none', summary: expect.stringContaining('says nothing') });
  });
});

describe('what may not stand in a manifest', () => {
  const sign = (spec: object) =>
    signAsset({ input: folder.png(), output: folder.at('never.png'), mimeType: 'image/png' }, { ...SPEC, ...spec }, [], identity);

  it.each([
    ['a name beside the consent', { consent: { ...SPEC.consent, subject_name: 'Asha K' } }],
    ['a name instead of a hash', { consent: { ...SPEC.consent, record_sha256: 'Asha K' } }],
    ['a status link that carries data', { consent: { ...SPEC.consent, status_url: 'https://assent.example/s?name=asha' } }],
    ['a sentence as assurance', { consent: { ...SPEC.consent, assurance: 'seen by Asha herself' } }],
  ])('is refused before the engine sees it: %s', async (_what, spec) => {
    await expect(sign(spec)).rejects.toThrow();
    expect(() => folder.read('never.png')).toThrow(/ENOENT/);
  });
});
