import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DevelopmentAuthority, FileSigner, TIME_STAMPING, createDevelopmentPki, pemToDer, signJws } from '#pki';
import { type MarkRow, openMarkRow, signMarkRow, verifyMarkRow, verifyMarks } from './mark-registry.ts';
import { identityOf, newIdentity } from './provenance.fixture.ts';
import type { ClaimIdentity } from './sign-asset.ts';

const ROW: MarkRow = {
  id: '0123456789abcdef',
  kid: 'wm-1',
  render_id: '01938f00-0000-7000-8000-000000000001',
  manifest_sha256: 'a'.repeat(64),
  asset_sha256: 'b'.repeat(64),
  media: ['video'],
  thumbnails: { columns: 2, rows: 1, chips: 96, pictures: ['AAE='] },
  issued_at: new Date().toISOString(),
};
let identity: ClaimIdentity;
let jws: string;
beforeAll(async () => {
  identity = await newIdentity();
  jws = await signMarkRow(ROW, identity.signer, identity.chainPem);
});
const verify = (row: string) => verifyMarkRow(row, identity.anchors.claimRootsPem);

describe('a signed registry row', () => {
  it('comes back as it was signed', async () => {
    expect(await verify(jws)).toEqual({ valid: true, row: ROW });
    expect(await openMarkRow(jws, identity.anchors.claimRootsPem)).toEqual(ROW);
  });

  it('is no row under other anchors', async () => {
    const other = await newIdentity();
    expect(await verifyMarkRow(jws, other.anchors.claimRootsPem)).toEqual({
      valid: false,
      reason: 'no trust anchor issued the chain',
    });
    expect(await openMarkRow(jws, '')).toBeUndefined();
  });

  it('is no row when a time-stamping certificate of the same root signed it', async () => {
    const authority = await DevelopmentAuthority.create('Claim Signing');
    const wrong = identityOf(await authority.issue([TIME_STAMPING]), (await createDevelopmentPki()).tsa);
    const forged = await signMarkRow(ROW, wrong.signer, wrong.chainPem);
    expect(await verifyMarkRow(forged, authority.rootPem)).toMatchObject({
      valid: false,
      reason: expect.stringContaining('claim-signing'),
    });
  });

  it('is no row when it claims a time at which its certificate was not valid', async () => {
    const late = await signMarkRow({ ...ROW, issued_at: '2000-01-01T00:00:00Z' }, identity.signer, identity.chainPem);
    expect(await verify(late)).toMatchObject({ valid: false, reason: expect.stringContaining('not valid yet') });
  });

  it('is no row with a stranger’s signature under our chain, or our signature under a stranger’s', async () => {
    const other = await newIdentity();
    expect(await verify(await signMarkRow(ROW, other.signer, identity.chainPem))).toMatchObject({ valid: false });
    expect(await verify(await signMarkRow(ROW, identity.signer, other.chainPem))).toMatchObject({ valid: false });
  });

  it('is no row when it is a receipt, or a field is not what it must be', async () => {
    const x5c = pemToDer(identity.chainPem).map((der) => der.toString('base64'));
    const sign = (row: object, typ: string) => signJws(Buffer.from(JSON.stringify(row)), identity.signer, { typ, x5c });
    expect(await verify(await sign(ROW, 'assent-consent-receipt+jws'))).toMatchObject({ valid: false });
    expect(await verify(await sign({ ...ROW, id: '../etc' }, 'assent-mark+jws'))).toEqual({
      valid: false,
      reason: 'the row does not fit its schema',
    });
  });

  it('with any character changed is the same row or none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(jws.length - 1), fc.constantFrom('A', 'z', '_', '.', '"'), async (at, character) => {
        const report = await verify(jws.slice(0, at) + character + jws.slice(at + 1));
        if (report.valid) expect(report.row).toEqual(ROW);
      }),
      { numRuns: 150 },
    );
  });

  it('never makes the verifier throw, whatever certificate it brings', async () => {
    const rsa = new FileSigner(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
    const x5c = [Buffer.from('no certificate').toString('base64')];
    expect(await verify(await signJws(Buffer.from('{}'), rsa, { typ: 'assent-mark+jws', x5c }))).toMatchObject({ valid: false });
    // An algorithm that is not the one of the certificate's key.
    const [head, payload, signature] = jws.split('.');
    const header = { ...(JSON.parse(Buffer.from(head!, 'base64url').toString()) as object), alg: 'EdDSA' };
    const confused = [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.');
    expect(await verify(confused)).toMatchObject({ valid: false });
  });
});

describe('a marks file', () => {
  it('gives the rows that verify and names the others', async () => {
    const stranger = await newIdentity();
    const forged = await signMarkRow({ ...ROW, id: 'f'.repeat(16) }, stranger.signer, stranger.chainPem);
    const report = await verifyMarks(JSON.stringify({ rows: [jws, forged, 'rubbish', jws] }), identity.anchors);
    expect(report.rows).toEqual([ROW]);
    expect(report.refused.map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(report.refused[2]!.reason).toBe('another row has this id');
  });

  it.each(['', '[]', '{"rows":"x"}', '{'])('that is none (%s) is reported, not thrown', async (json) => {
    expect(await verifyMarks(json, identity.anchors)).toMatchObject({ rows: [], refused: [{ index: -1 }] });
  });
});
