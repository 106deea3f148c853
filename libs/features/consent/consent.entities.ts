import { EntitySchema } from 'typeorm';
import type { ProblemDocument } from '#kernel';
import type { CaptureRow } from './consent-captures.ts';
import type { ConsentRequest, ConsentScope } from './consent.schema.ts';
import type { ConsentState } from './consent.states.ts';

export interface ConsentRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  state: ConsentState;
  purposes: string[];
  scope: ConsentScope;
  request: ConsentRequest;
  status_token: string;
  valid_until: Date;
  zone: string;
  assurance: string;
  evidence_upload_id: string | null;
  /** RFC 8785 text of the ISO 27560 record, as signed. */
  record: string | null;
  record_sha256: string | null;
  /** Compact JWS over the record. */
  receipt: string | null;
  /** Clips that were handed in; a request ends after five that fail. */
  attempts: number;
  /** Why the last clip was refused, as a problem document. */
  evidence_problem: ProblemDocument | null;
  /** SHA-256 of the notice that was on the person's screen, and the language of the page around it. */
  notice_sha256: string | null;
  notice_locale: string | null;
  created_at: Date;
  ended_at: Date | null;
}
const consents = new EntitySchema<ConsentRow>({
  name: 'consents',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    state: { type: 'text' },
    purposes: { type: 'text', array: true },
    scope: { type: 'jsonb' },
    request: { type: 'jsonb' },
    status_token: { type: 'text' },
    valid_until: { type: 'timestamptz' },
    zone: { type: 'text' },
    assurance: { type: 'text' },
    evidence_upload_id: { type: 'uuid', nullable: true },
    record: { type: 'text', nullable: true },
    record_sha256: { type: 'text', nullable: true },
    receipt: { type: 'text', nullable: true },
    attempts: { type: 'int', default: 0 },
    evidence_problem: { type: 'jsonb', nullable: true },
    notice_sha256: { type: 'text', nullable: true },
    notice_locale: { type: 'text', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    ended_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'consents_status_token', columns: ['status_token'], unique: true },
    { name: 'consents_subject', columns: ['tenant_id', 'subject_id'] },
    { name: 'consents_tenant', columns: ['tenant_id', 'id'] },
    { name: 'consents_term', columns: ['valid_until'], where: `(state = ANY (ARRAY['given'::text, 'paused'::text]))` },
  ],
});

export interface ConsentEventRow {
  id: string;
  tenant_id: string;
  consent_id: string;
  from_state: ConsentState;
  to_state: ConsentState;
  actor_id: string;
  at: Date;
}
const consentEvents = new EntitySchema<ConsentEventRow>({
  name: 'consent_events',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    consent_id: { type: 'uuid' },
    from_state: { type: 'text' },
    to_state: { type: 'text' },
    actor_id: { type: 'text' },
    at: { type: 'timestamptz', default: () => 'now()' },
  },
  indices: [{ name: 'consent_events_consent', columns: ['consent_id', 'at'] }],
});

const captures = new EntitySchema<CaptureRow>({
  name: 'consent_captures',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    consent_id: { type: 'uuid' },
    digits: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    expires_at: { type: 'timestamptz' },
    used_at: { type: 'timestamptz', nullable: true },
  },
  indices: [{ name: 'consent_captures_consent', columns: ['consent_id', 'id'] }],
});

export const consentEntities = [consents, consentEvents, captures];
