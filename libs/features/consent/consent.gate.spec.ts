import { describe, expect, it } from 'vitest';
import type { ConsentRow } from './consent.entities.ts';
import { requireUse } from './consent.gate.ts';
import { CONSENT_STATES, consentTransitions, publicStatus } from './consent.states.ts';
import { DomainError } from '#kernel';

const NOW = new Date('2026-11-25T12:00:00Z');
const row = (change: Partial<ConsentRow> = {}): ConsentRow =>
  ({
    state: 'given',
    subject_id: 'anna',
    purposes: ['training'],
    valid_until: new Date('2026-12-01T00:00:00Z'),
    ...change,
  }) as ConsentRow;
const use = { purpose: 'training', subjectId: 'anna' } as const;

const slugOf = (work: () => void): string => {
  try {
    work();
  } catch (error) {
    return (error as DomainError).problem.slug;
  }
  return 'allowed';
};

describe('the consent gate', () => {
  it('lets exactly one state through', () => {
    const allowed = CONSENT_STATES.filter((state) => slugOf(() => requireUse(row({ state }), use, NOW)) === 'allowed');
    expect(allowed).toEqual(['given']);
  });

  it.each([
    ['a withdrawn consent', { state: 'withdrawn' }, 'consent-withdrawn'],
    ['a revoked consent', { state: 'revoked' }, 'consent-withdrawn'],
    ['a paused consent', { state: 'paused' }, 'consent-paused'],
    ['an expired state', { state: 'expired' }, 'consent-expired'],
    ['a consent that was only asked for', { state: 'requested' }, 'consent-not-given'],
    ['a given consent after its last instant', { valid_until: new Date(NOW.getTime() - 1) }, 'consent-expired'],
    ['a purpose that was not agreed', { purposes: ['async_video'] }, 'consent-scope'],
    ['the consent of another subject', { subject_id: 'boris' }, 'consent-scope'],
  ] as const)('refuses %s', (_what, change, slug) => {
    expect(slugOf(() => requireUse(row(change as Partial<ConsentRow>), use, NOW))).toBe(slug);
  });

  it('holds to the last instant and not one millisecond longer', () => {
    expect(slugOf(() => requireUse(row({ valid_until: NOW }), use, NOW))).toBe('allowed');
    expect(slugOf(() => requireUse(row({ valid_until: NOW }), use, new Date(NOW.getTime() + 1)))).toBe('consent-expired');
  });

  it('answers every refusal with 403 and a sentence', () => {
    for (const state of CONSENT_STATES.filter((s) => s !== 'given')) {
      try {
        requireUse(row({ state }), use, NOW);
        expect.unreachable();
      } catch (error) {
        expect((error as DomainError).problem.status).toBe(403);
        expect((error as DomainError).message).toMatch(/[A-Z].*\./);
      }
    }
  });
});

describe('the life of a consent', () => {
  it('reaches every state from draft', () => {
    const seen = new Set<string>(['draft']);
    for (const state of seen)
      for (const next of consentTransitions.table[state as keyof typeof consentTransitions.table]) seen.add(next);
    expect([...seen].sort()).toEqual([...CONSENT_STATES].sort());
  });

  it('never comes back to given from an end', () => {
    const ends = CONSENT_STATES.filter((state) => consentTransitions.isTerminal(state));
    expect(ends).toEqual(['refused', 'abandoned', 'withdrawn', 'revoked', 'expired', 'invalidated', 'superseded']);
    for (const end of ends) expect(consentTransitions.allows(end, 'given')).toBe(false);
  });

  it('tells the public no more than six words', () => {
    const words = CONSENT_STATES.map((state) => publicStatus(state, new Date('2026-12-01'), NOW));
    expect(new Set(words)).toEqual(new Set(['unknown', 'valid', 'paused', 'withdrawn', 'expired', 'invalidated']));
    expect(publicStatus('given', new Date('2026-11-01'), NOW)).toBe('expired');
  });
});
