import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Report, readVerdict } from './verdict.ts';

const consent = { assurance: 'none', record_sha256: 'a'.repeat(64) };
const trusted = (consent_status: string, more: Report = {}): Report => ({
  verdict: 'trusted',
  consent_status,
  c2pa: { state: 'trusted', signer: 'Acme', consent },
  watermark: { state: 'match' },
  ...more,
});

const anyReport: fc.Arbitrary<Report> = fc.record({
  verdict: fc.constantFrom('trusted', 'not-trusted', 'something new'),
  consent_status: fc.constantFrom('valid', 'paused', 'withdrawn', 'expired', 'invalidated', 'unknown', 'not-named', 'new'),
  c2pa: fc.record(
    {
      state: fc.constantFrom('trusted', 'valid-untrusted', 'tampered', 'ingredient-failed', 'revoked', 'expired', 'none', 'unparsable', 'new'),
      reasons: fc.array(fc.constantFrom('media-empty', 'upload-too-large', 'x')),
      consent: fc.constant(consent),
    },
    { requiredKeys: [] },
  ),
  watermark: fc.record({ state: fc.constantFrom('match', 'derived', 'transplant_suspected', 'cannot_tell', 'none', 'not_looked', 'new') }),
}, { requiredKeys: [] }); // prettier-ignore

describe('the first sentence of the verify page', () => {
  it('says who, whose consent and whether it still stands', () => {
    expect(readVerdict(trusted('valid'))).toEqual({ tone: 'good', say: 'say.replica', also: ['also.consent-valid'] });
    expect(readVerdict(trusted('withdrawn'))).toEqual({ tone: 'bad', say: 'say.replica', also: ['also.consent-withdrawn'] });
    expect(readVerdict(trusted('paused')).tone).toBe('caution');
    expect(readVerdict(trusted('unknown')).tone).toBe('caution');
    expect(readVerdict(trusted('not-named', { c2pa: { state: 'trusted' } }))).toMatchObject({
      tone: 'caution',
      say: 'say.signed',
    });
  });

  it('puts what speaks against a file before what vouches for it', () => {
    expect(readVerdict(trusted('valid', { watermark: { state: 'transplant_suspected' } }))).toMatchObject({ tone: 'bad', say: 'say.transplant' });
    expect(readVerdict(trusted('valid', { verdict: 'not-trusted' }))).toMatchObject({ tone: 'bad', say: 'say.contradiction' });
    expect(readVerdict({ c2pa: { state: 'tampered' }, watermark: { state: 'match' } })).toEqual({ tone: 'bad', say: 'say.tampered', also: ['also.marked'] });
  }); // prettier-ignore

  it('never takes the absence of marks for authenticity', () => {
    const bare = readVerdict({ verdict: 'not-trusted', c2pa: { state: 'none' }, watermark: { state: 'none' } });
    expect(bare).toEqual({ tone: 'unknown', say: 'say.none', also: ['also.no-mark'] });
    expect(readVerdict({ c2pa: { state: 'none' }, watermark: { state: 'match' } })).toMatchObject({
      tone: 'caution',
      say: 'say.mark-only',
    });
    expect(readVerdict({})).toMatchObject({ tone: 'unknown' });
  });

  it('vouches only for a trusted file with a valid consent, whatever else a report holds', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const { tone } = readVerdict(report);
        if (tone !== 'good') return;
        expect(report).toMatchObject({ verdict: 'trusted', consent_status: 'valid', c2pa: { state: 'trusted', consent } });
        expect(report.watermark?.state).not.toBe('transplant_suspected');
      }),
      { numRuns: 2000 },
    );
  });
});
