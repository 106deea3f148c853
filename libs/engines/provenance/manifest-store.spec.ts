import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pemToCertificates } from '#pki';
import { findSigningCertificate } from './manifest-store.ts';
import { MediaFolder, SPEC, chunkOf, newIdentity } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';

let folder: MediaFolder;
let identity: ClaimIdentity;
let store: Uint8Array;
let label: string;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
  const output = folder.at('signed.png');
  await signAsset({ input: folder.png(), output, mimeType: 'image/png' }, SPEC, [], identity);
  const png = folder.read('signed.png');
  const { start, end } = chunkOf(png, 'caBX');
  store = png.subarray(start + 8, end - 4);
  label = (await readC2pa(output, identity.anchors)).activeManifest!;
});
afterAll(() => folder.remove());

it('finds the certificate that signed', () => {
  const [leaf] = pemToCertificates(identity.chainPem);
  expect(findSigningCertificate(store, label)?.fingerprint256).toBe(leaf!.fingerprint256);
});

it('finds none in a store without that manifest, in half a store, and in bytes that are none', () => {
  expect(findSigningCertificate(store, 'urn:c2pa:another')).toBeUndefined();
  for (let end = 0; end < store.length; end += 501) expect(findSigningCertificate(store.subarray(0, end), label)).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => findSigningCertificate(bytes, label) === undefined));
});

it('never throws for a store with a byte changed', () => {
  fc.assert(
    fc.property(fc.nat(store.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const copy = Uint8Array.from(store);
      copy[at]! ^= change;
      findSigningCertificate(copy, label);
      return true;
    }),
    { numRuns: 500 },
  );
});
