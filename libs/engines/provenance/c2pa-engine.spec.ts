import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runC2pa } from './c2pa-engine.ts';
import { MediaFolder, SPEC, newIdentity } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';
import { engineSettings, formatAnchors, parseAnchors } from './trust.ts';

let folder: MediaFolder;
let identity: ClaimIdentity;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
});
afterAll(() => folder.remove());

describe('the engine’s thread', () => {
  it('serves many at once, each its own file', async () => {
    const files = await Promise.all(
      [1, 2, 3, 4, 5].map(async (tone) => {
        const output = folder.at(`out-${tone}.png`);
        const spec = { ...SPEC, lineage: { render_id: `r-${tone}` } };
        await signAsset({ input: folder.png(`in-${tone}.png`, tone), output, mimeType: 'image/png' }, spec, [], identity);
        return output;
      }),
    );
    const reports = await Promise.all(files.map((file) => readC2pa(file, identity.anchors)));
    expect(reports.map(({ state, lineage }) => `${state} ${lineage?.['render_id']}`)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `trusted r-${n}`),
    );
  });

  it('that dies is a finding, and the next request is served', async () => {
    const settings = engineSettings(identity.anchors);
    const lost = await runC2pa({ op: 'read', input: folder.at('absent.png'), mimeType: 'image/png', settings });
    expect(lost).toMatchObject({ type: 'failed', reason: expect.stringContaining('ENOENT') });
    expect(await readC2pa(folder.png(), identity.anchors)).toMatchObject({ state: 'none' });
  });

  it('passes a refusal of the signer on, and leaves no file behind', async () => {
    const broken = { ...identity, signer: { ...identity.signer, algorithm: 'ES256' as const, publicKey: identity.signer.publicKey, sign: () => Promise.reject(new Error('the module is locked')) } }; // prettier-ignore
    const output = folder.at('unsigned.png');
    await expect(signAsset({ input: folder.png(), output, mimeType: 'image/png' }, SPEC, [], broken)).rejects.toThrow(
      'the module is locked',
    );
    expect(() => folder.read('unsigned.png')).toThrow(/ENOENT/);
  });
});

describe('trust anchors in one file', () => {
  it('keep their roles there and back', () => {
    const { claimRootsPem, tsaRootsPem } = parseAnchors(formatAnchors(identity.anchors));
    expect(claimRootsPem.trim()).toBe(identity.anchors.claimRootsPem.trim());
    expect(tsaRootsPem.trim()).toBe(identity.anchors.tsaRootsPem.trim());
  });

  it('without roles vouch for claims only', () => {
    expect(parseAnchors(identity.anchors.claimRootsPem)).toMatchObject({ tsaRootsPem: '' });
  });

  it('forbid the network whatever else is set', () => {
    const settings = JSON.parse(engineSettings(identity.anchors)) as { verify: object; core: object };
    expect(settings).toMatchObject({
      verify: { remote_manifest_fetch: false, verify_trust: true },
      core: { allowed_network_hosts: [] },
    });
  });
});
