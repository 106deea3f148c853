import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { ConsentService } from '#consent';
import * as provenance from '#provenance';
import { type TestDatabase, testDatabase } from '#testing';
import { VerificationService } from './verification.service.ts';

vi.mock('#provenance', () => ({ verify: vi.fn() }));

let t: TestDatabase;
beforeAll(async () => void (t = await testDatabase()));
afterAll(() => t.close());

const status = vi.fn(() => Promise.resolve({ status: 'withdrawn' as const, changedAt: null }));
beforeEach(() => status.mockClear());

/** The engine's report of a file that names the consent `TOKEN` in its manifest. */
async function verifyAs(state: string): Promise<{ consentStatus: string; sentence: string }> {
  const c2pa = { state, consent: { status_url: 'urn:assent:status/v1/consents/TOKEN/status' } };
  vi.mocked(provenance.verify).mockResolvedValue({ sentence: 'S.', sha256: 'a'.repeat(64), c2pa } as never);
  return new VerificationService(t.db, { status } as unknown as ConsentService).verify('file', {
    anchors: { claimRootsPem: '', tsaRootsPem: '' },
  });
}

it('says that the consent of a trusted render has ended', async () => {
  expect(await verifyAs('trusted')).toMatchObject({
    consentStatus: 'withdrawn',
    sentence: 'S. The consent has since ended (withdrawn).',
  });
  expect(status).toHaveBeenCalledExactlyOnceWith('TOKEN');
});

it.each(['valid-untrusted', 'tampered', 'ingredient-failed', 'expired', 'revoked'])(
  'does not look up a consent that a %s file names: the link may be copied',
  async (state) => {
    expect(await verifyAs(state)).toMatchObject({ consentStatus: 'not-named', sentence: 'S.' });
    expect(status).not.toHaveBeenCalled();
  },
);
