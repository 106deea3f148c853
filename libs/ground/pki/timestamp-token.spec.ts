import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { derChildren, derOid, ecdsaToDer, readDer } from './der.ts';
import { type DevelopmentPki, createDevelopmentPki } from './development-ca.ts';
import { OpensslFolder, daysAfter, flipped, hasOpenssl, longAgo, opensslReason } from './pki.fixture.ts';
import { BUILT_IN_POLICY, TimestampAuthority } from './timestamp-authority.ts';
import { verifyTimestampToken } from './timestamp-token.ts';

const DATA = Buffer.from('what existed at that time');
let pki: DevelopmentPki;
let token: Buffer;
let openssl: OpensslFolder;

beforeAll(async () => {
  openssl = new OpensslFolder();
  pki = await createDevelopmentPki();
  token = await new TimestampAuthority(pki.tsa, () => new Date('2026-11-25T12:00:00.500Z')).token(DATA);
});
afterAll(() => openssl.remove());

/** The same token that says another digit of its time. */
function withOtherTime(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf('20261125120000Z');
  copy.write('1', at + 13); // the second;
  return copy;
}

describe('a time-stamp token', () => {
  it('proves the second at which the bytes existed', () => {
    expect(verifyTimestampToken(token, DATA, pki.tsa.rootPem)).toEqual({
      ok: true,
      time: new Date('2026-11-25T12:00:00Z'),
      policy: BUILT_IN_POLICY,
      faults: [],
    });
  });

  it.skipIf(!hasOpenssl)(`is accepted by openssl, and refused by it for other bytes${opensslReason}`, () => {
    openssl.write('root.pem', pki.tsa.rootPem);
    openssl.write('data', DATA);
    openssl.write('other', 'other bytes');
    openssl.write('token', token);
    const verify = (data: string) =>
      openssl.run('ts', '-verify', '-data', data, '-in', 'token', '-token_in', '-CAfile', 'root.pem');
    expect(verify('data').out).toContain('Verification: OK');
    expect(verify('other').ok).toBe(false);
    expect(openssl.run('ts', '-reply', '-in', 'token', '-token_in', '-text').out).toContain(`Policy OID: ${BUILT_IN_POLICY}`);
  });

  it.skipIf(!hasOpenssl).each(['sha256', 'sha512'])(`that openssl made with %s is accepted${opensslReason}`, (digest) => {
    const [leaf, middle] = pki.tsa.chainPem.split(/(?<=END CERTIFICATE-----)/);
    openssl.write('leaf.pem', leaf!);
    openssl.write('middle.pem', middle!);
    openssl.write('tsa.key', pki.tsa.keyPem);
    openssl.write('serial', '01\n');
    openssl.write('data', DATA);
    const settings = { serial: 'serial', signer_cert: 'leaf.pem', certs: 'middle.pem', signer_key: 'tsa.key', signer_digest: digest, default_policy: '1.2.3.4', digests: digest, ess_cert_id_alg: digest }; // prettier-ignore
    openssl.write('tsa.cnf', `[tsa]\ndefault_tsa=t\n[t]\n${Object.entries(settings).map((entry) => entry.join('=')).join('\n')}\n`); // prettier-ignore
    openssl.run('ts', '-query', '-data', 'data', `-${digest}`, '-cert', '-out', 'query');
    const reply = openssl.run('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query', '-token_out', '-out', 'reply');
    expect(reply.ok, reply.out).toBe(true);
    const report = verifyTimestampToken(openssl.read('reply'), DATA, pki.tsa.rootPem);
    expect(report).toMatchObject({ ok: true, policy: '1.2.3.4', faults: [] });
  });

  it('proves nothing once a digit of its time is changed', () => {
    const report = verifyTimestampToken(withOtherTime(token), DATA, pki.tsa.rootPem);
    expect(report.ok).toBe(false);
    expect(report.faults).toContain('the time stamp was changed after it was signed');
    expect(report.time).toBeUndefined();
  });

  it('proves nothing about other bytes', () => {
    expect(verifyTimestampToken(token, Buffer.from('other'), pki.tsa.rootPem).faults).toEqual(['the imprint is of other bytes']);
  });

  it('proves nothing under foreign roots, and nothing when a claim-signing key made it', async () => {
    const other = await createDevelopmentPki();
    expect(verifyTimestampToken(token, DATA, other.tsa.rootPem).faults).toEqual(['no trust anchor issued the chain']);
    const wrong = await new TimestampAuthority(pki.claim).token(DATA);
    expect(verifyTimestampToken(wrong, DATA, pki.claim.rootPem).faults).toEqual([
      'the leaf is not a certificate for time-stamping alone',
    ]);
  });

  it('holds with its certificates in any order, the root among them', async () => {
    const [leaf, middle] = pki.tsa.chainPem.split(/(?<=END CERTIFICATE-----)/);
    // The authority takes its first certificate for its own, so the others are turned around behind it.
    const chainPem = [leaf, pki.tsa.rootPem, middle].join('\n');
    const odd = await new TimestampAuthority({ ...pki.tsa, chainPem }).token(DATA);
    expect(verifyTimestampToken(odd, DATA, pki.tsa.rootPem).faults).toEqual([]);
  });

  it('is judged at its own time: an authority that expired since still proves what it stamped before', async () => {
    const old = await createDevelopmentPki({ notBefore: longAgo(), validDays: 365 });
    const stamp = (at: Date) => new TimestampAuthority(old.tsa, () => at).token(DATA);
    const inside = await stamp(daysAfter(longAgo(), 100));
    expect(verifyTimestampToken(inside, DATA, old.tsa.rootPem).ok).toBe(true);
    const after = await stamp(new Date());
    expect(verifyTimestampToken(after, DATA, old.tsa.rootPem).faults[0]).toMatch(/expired/);
  });

  it('never proves another time with any bit turned, and never throws', () => {
    // Parts of the envelope are nobody's statement (the list of digests, the issuer beside the serial number): turning them is no lie.
    const time = Date.parse('2026-11-25T12:00:00Z');
    let refused = 0;
    for (let bit = 0; bit < token.length * 8; bit += 37) {
      const report = verifyTimestampToken(flipped(token, bit), DATA, pki.tsa.rootPem);
      if (report.ok) expect(report.time?.getTime()).toBe(time);
      else refused++;
    }
    expect(refused / ((token.length * 8) / 37)).toBeGreaterThan(0.8);
  });

  it('never throws for bytes that are no token', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !verifyTimestampToken(bytes, DATA, pki.tsa.rootPem).ok));
    for (let end = 0; end < token.length; end += 7)
      expect(verifyTimestampToken(token.subarray(0, end), DATA, pki.tsa.rootPem).ok).toBe(false);
    expect(verifyTimestampToken(Buffer.concat([token, Buffer.alloc(1)]), DATA, pki.tsa.rootPem).ok).toBe(false);
  });
});

describe('the DER reader', () => {
  it('reads object identifiers with arcs of any size', () => {
    expect(derOid(readDer(Buffer.from('06062a864886f70d', 'hex')))).toBe('1.2.840.113549');
    expect(derOid(readDer(Buffer.from('0603883703', 'hex')))).toBe('2.999.3');
  });

  it.each([
    ['a length that is not the shortest', '308103020100'],
    ['an indefinite length', '30800000'],
    ['a length past the end', '3005020100'],
    ['nothing', ''],
  ])('refuses %s', (_name, hex) => {
    expect(() => derChildren(readDer(Buffer.from(hex, 'hex')))).toThrow();
  });

  it('writes ECDSA signatures with positive, shortest integers', () => {
    const signature = Buffer.concat([Buffer.alloc(31), Buffer.of(1), Buffer.of(0x80), Buffer.alloc(31)]);
    expect(ecdsaToDer(signature).toString('hex')).toBe(`3026020101022100${'80'}${'00'.repeat(31)}`);
  });
});
