import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coseSign1 } from '#pki';
import { runC2pa } from './c2pa-engine.ts';
import { MediaFolder, SPEC, newIdentity } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import type { ClaimIdentity } from './sign-asset.ts';
import { engineSettings } from './trust.ts';
import { verify } from './verify.ts';

/*
 * Anybody with any certificate can sign anything under our labels. What does not fit the schema must neither stop the verifier nor
 * reach those who read the report as if it were a link, a hash or a level.
 */
let folder: MediaFolder;
let identity: ClaimIdentity;
beforeAll(async () => {
  folder = new MediaFolder();
  identity = await newIdentity();
});
afterAll(() => folder.remove());

async function signedWith(label: string, data: unknown): Promise<string> {
  const output = folder.at('foreign.png');
  const created = {
    action: 'c2pa.created',
    digitalSourceType: 'http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture',
  };
  const reply = await runC2pa(
    {
      op: 'sign',
      input: folder.png(),
      output,
      mimeType: 'image/png',
      definition: {
        claim_generator_info: [{ name: 'somebody', version: '1' }],
        assertions: [
          { label: 'c2pa.actions.v2', created: true, data: { actions: [created] } },
          { label, created: true, ...(label.startsWith('dev.') ? { kind: 'Json' } : {}), data },
        ],
      },
      settings: engineSettings(identity.anchors, { verifyAfterSign: false }),
      algorithm: 'es256',
      reserveSize: 12_000,
      ingredients: [],
    },
    (claim, reserveSize) =>
      coseSign1({ signer: identity.signer, chainPem: identity.chainPem, tsa: identity.tsa, claim, reserveSize }),
  );
  expect(reply.type).toBe('signed');
  return output;
}

describe('a soft binding that is none', () => {
  it.each([
    ['null', null],
    ['a word', 'x'],
    ['numbers in place of names', { alg: 5, blocks: [null] }],
    ['objects in place of values', { alg: {}, blocks: [{ scope: {}, value: { a: 1 } }] }],
    ['no blocks', { alg: 'dev.assent.watermark.video.1', blocks: [] }],
  ])('gives a report without it: %s', async (_name, data) => {
    const report = await readC2pa(await signedWith('c2pa.soft-binding', data), identity.anchors);
    expect(report.softBindings).toEqual([]);
  });
});

describe('a consent assertion that is none', () => {
  it.each([
    ['null', null],
    ['a word', 'hello'],
    ['objects and lists', { ...SPEC.consent, status_url: { a: 1 }, assurance: ['verified'] }],
    ['a link into a script', { ...SPEC.consent, status_url: 'javascript:alert(1)' }],
    ['a sentence for people to read', { ...SPEC.consent, assurance: 'verified by the police' }],
    ['a further field', { ...SPEC.consent, name: 'Asha' }],
  ])('is not passed on: %s', async (_name, data) => {
    const report = await verify(await signedWith('dev.assent.consent', data), { anchors: identity.anchors });
    expect(report.c2pa.consent).toBeUndefined();
    expect(report.sentence).toContain('names no consent');
  });

  it.each([[[1, 2]], ['text'], [{ Name: 'Asha K' }], [{ render_id: 'x'.repeat(200) }]])('nor is a lineage: %j', async (data) => {
    const report = await readC2pa(await signedWith('dev.assent.lineage', data), identity.anchors);
    expect(report.lineage).toBeUndefined();
  });
});
