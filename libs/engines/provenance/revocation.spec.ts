import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { C2PA_CLAIM_SIGNING, DevelopmentAuthority, EMAIL_PROTECTION, createDevelopmentPki, pemToCertificates } from '#pki';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { bareEnvironment } from '#kernel';
import { MediaFolder, identityOf, signUnchecked } from './provenance.fixture.ts';
import { readC2pa } from './read-c2pa.ts';
import type { ClaimIdentity } from './sign-asset.ts';

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const hasOpenssl = spawnSync('openssl', ['version'], { env: bareEnvironment() }).status === 0;
const reason = hasOpenssl ? '' : ' (skipped: openssl is not installed)';

let folder: MediaFolder;
let identity: ClaimIdentity;
let authority: DevelopmentAuthority;
beforeAll(async () => {
  folder = new MediaFolder();
  authority = await DevelopmentAuthority.create('Claim Signing');
  identity = identityOf(await authority.issue([EMAIL_PROTECTION, C2PA_CLAIM_SIGNING]), (await createDevelopmentPki()).tsa);
});
afterAll(() => folder.remove());

/** What openssl's responder, delegated by the same authority, says about our leaf. */
async function ocspResponse(status: 'good' | 'revoked'): Promise<Buffer> {
  const responder = await authority.issue([OCSP_SIGNING]);
  const [leaf, middle] = pemToCertificates(identity.chainPem);
  const day = (offset: number): string =>
    new Date(Date.now() + offset * 86_400_000).toISOString().replace(/[-:T]/g, '').slice(2, 14) + 'Z';
  const entry = status === 'revoked' ? ['R', day(300), `${day(-1)},keyCompromise`] : ['V', day(300), ''];
  folder.write('index.txt', Buffer.from([...entry, leaf!.serialNumber, 'unknown', '/CN=leaf'].join('\t') + '\n'));
  folder.write('leaf.pem', Buffer.from(leaf!.toString()));
  folder.write('middle.pem', Buffer.from(middle!.toString()));
  folder.write('responder.pem', Buffer.from(pemToCertificates(responder.chainPem)[0]!.toString()));
  folder.write('responder.key', Buffer.from(responder.keyPem));
  const args = 'ocsp -index index.txt -CA middle.pem -rsigner responder.pem -rkey responder.key -issuer middle.pem -cert leaf.pem -ndays 7 -respout response.der -noverify'; // prettier-ignore
  const done = spawnSync('openssl', args.split(' '), { cwd: folder.path, env: bareEnvironment(), encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  return readFileSync(folder.at('response.der'));
}

describe('a stapled OCSP response', () => {
  it.skipIf(!hasOpenssl).each([
    ['good', 'trusted'],
    ['revoked', 'revoked'],
  ] as const)(`that says %s makes the file %s${reason}`, async (status, state) => {
    const ocsp = [await ocspResponse(status)];
    const output = folder.at(`${status}.png`);
    await signUnchecked({ input: folder.png(), output, mimeType: 'image/png' }, identity, { cose: { ocsp } });
    expect(await readC2pa(output, identity.anchors)).toMatchObject({ state });
  });
});
