import { Transitions } from '#kernel';

export const CONSENT_STATES = [
  'draft', 'notice_shown', 'requested', 'evidence_pending', 'evidence_failed', 'manual_review', 'deferred', 'refused', 'abandoned',
  'given', 'paused', 'withdrawn', 'revoked', 'expired', 'invalidated', 'superseded',
] as const; // prettier-ignore
export type ConsentState = (typeof CONSENT_STATES)[number];

/**
 * The whole life of a consent. There is no way back to `given` from a terminal state: a renewal is a new record that replaces
 * the old one.
 */
export const consentTransitions = new Transitions<ConsentState>('consent', {
  draft: ['notice_shown', 'abandoned'],
  notice_shown: ['requested', 'abandoned'],
  requested: ['evidence_pending', 'deferred', 'refused', 'abandoned'],
  deferred: ['requested', 'abandoned'],
  evidence_pending: ['given', 'evidence_failed', 'manual_review', 'refused', 'abandoned'],
  evidence_failed: ['requested', 'abandoned'],
  manual_review: ['given', 'evidence_failed', 'refused'],
  given: ['paused', 'withdrawn', 'revoked', 'expired', 'invalidated', 'superseded'],
  paused: ['given', 'withdrawn', 'revoked', 'expired', 'invalidated', 'superseded'],
  refused: [],
  abandoned: [],
  withdrawn: [],
  revoked: [],
  expired: [],
  invalidated: [],
  superseded: [],
});

/** DPV 2.3 term of each state (`dpv:hasConsentStatus`). `ConsentTerminated` does not exist in the vocabulary. */
export const DPV_STATUS: Readonly<Record<ConsentState, string>> = {
  draft: 'dpv:ConsentUnknown',
  notice_shown: 'dpv:ConsentUnknown',
  requested: 'dpv:ConsentRequested',
  evidence_pending: 'dpv:ConsentRequested',
  evidence_failed: 'dpv:ConsentRequested',
  manual_review: 'dpv:ConsentRequested',
  deferred: 'dpv:ConsentRequestDeferred',
  refused: 'dpv:ConsentRefused',
  abandoned: 'dpv:ConsentRequestDeferred',
  given: 'dpv:ConsentGiven',
  paused: 'dpv:ConsentStatusInvalidForProcessing',
  withdrawn: 'dpv:ConsentWithdrawn',
  revoked: 'dpv:ConsentRevoked',
  expired: 'dpv:ConsentExpired',
  invalidated: 'dpv:ConsentInvalidated',
  superseded: 'dpv:ConsentInvalidated',
};

/** What the public status endpoint and the verifier say. */
export type PublicConsentStatus = 'valid' | 'paused' | 'withdrawn' | 'expired' | 'invalidated' | 'unknown';

export function publicStatus(state: ConsentState, validUntil: Date, now: Date): PublicConsentStatus {
  switch (state) {
    case 'given':
      return validUntil.getTime() < now.getTime() ? 'expired' : 'valid';
    case 'paused':
      return 'paused';
    case 'withdrawn':
    case 'revoked':
      return 'withdrawn';
    case 'expired':
      return 'expired';
    case 'invalidated':
    case 'superseded':
      return 'invalidated';
    default:
      return 'unknown';
  }
}
