import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Assurance, ConsentRequest } from './consent.schema.ts';
import { type ConsentState, DPV_STATUS } from './consent.states.ts';

/** Evidence that a record names: hashes and scores, never the clip. */
export interface ConsentEvidence {
  /**
   * `uploaded-clip`: somebody sent a file. `challenged-clip`: the file came in the minutes after a fresh code was shown to whoever held the
   * link; nobody has checked that the code is spoken in it. Neither proves a live person, hence `assurance none`.
   */
  readonly method: 'uploaded-clip' | 'challenged-clip' | 'live-capture';
  readonly capture_id?: string;
  /** How the code came back: on screen only, or typed by the person. */
  readonly code?: 'shown' | 'typed';
  readonly clip_sha256: string;
  readonly assurance: Assurance;
  readonly faces_seen: number;
  readonly model_sha256: string;
}

export interface ConsentEvent {
  readonly event_time: string;
  readonly event_type: string;
  readonly event_state: string;
  readonly entity_id: string;
  readonly validity_duration: string;
}

/**
 * The record in the field names of ISO/IEC TS 27560:2023 with DPV 2.3 terms, plus `likeness_scope`, `evidence` and a status link.
 * Pseudonymous: the person is `pii_principal_id`. Append-only: a change is a new record that names its `previous_record`.
 */
export interface ConsentRecord {
  readonly '@context': string;
  readonly schema_version: string;
  readonly record_id: string;
  readonly pii_principal_id: string;
  readonly previous_record: string | null;
  readonly created: string;
  readonly notice: {
    readonly privacy_notice: string;
    readonly notice_version: string;
    readonly text_sha256: string;
    readonly language: string;
    readonly shown_in?: string;
  };
  readonly processing: readonly Record<string, unknown>[];
  readonly likeness_scope: Record<string, unknown>;
  readonly parties: readonly Record<string, unknown>[];
  readonly events: readonly ConsentEvent[];
  readonly evidence: ConsentEvidence | null;
  readonly status_url: string;
  readonly withdrawal_method: string;
}

export interface RecordInput {
  readonly recordId: string;
  readonly principalId: string;
  readonly request: ConsentRequest;
  readonly evidence: ConsentEvidence | null;
  readonly events: readonly ConsentEvent[];
  readonly created: Date;
  readonly statusUrl: string;
  /** The page that the person's own link opens. */
  readonly withdrawalUrl: string;
  readonly previous?: string;
  /** Language of the page around the notice, when there was a page. */
  readonly noticeLocale?: string | null;
}

export function buildRecord(input: RecordInput): ConsentRecord {
  const { request } = input;
  return {
    '@context': 'https://w3id.org/dpv/dpv.jsonld',
    schema_version: 'https://w3id.org/dpv/schema/dpv-27560#record',
    record_id: input.recordId,
    pii_principal_id: input.principalId,
    previous_record: input.previous ?? null,
    created: input.created.toISOString(),
    notice: {
      privacy_notice: request.notice.id,
      notice_version: request.notice.version,
      text_sha256: createHash('sha256').update(request.notice.text).digest('hex'),
      language: request.language,
      ...(input.noticeLocale ? { shown_in: input.noticeLocale } : {}),
    },
    processing: request.scope.purposes.map((purpose) => ({
      purpose,
      lawful_basis: 'dpv:ExplicitlyExpressedConsent',
      pii_information: [
        { pii_type: 'pd:Biometric', special_pii_category: true },
        { pii_type: 'pd:FacialPrint', special_pii_category: true },
        { pii_type: 'pd:FacialExpression', special_pii_category: false },
        { pii_type: 'pd:VoiceCommunicationRecording', special_pii_category: false },
      ],
      collection_method: input.evidence?.method ?? 'none',
      processing_method: ['Gaussian fitting', 'automated rendering'],
      storage_locations: ['operator'],
      retention_period: 'P30D',
      processing_locations: ['operator'],
      jurisdiction: request.jurisdiction,
      recipient_third_parties: [],
      withdrawal_method: 'dpv:WithdrawConsent',
    })),
    likeness_scope: { ...request.scope, valid_until: request.validUntil.toISOString(), zone: request.zone },
    parties: [{ ...request.controller, party_type: 'dpv:DataController', party_role: 'controller' }],
    events: input.events,
    evidence: input.evidence,
    status_url: input.statusUrl,
    withdrawal_method: input.withdrawalUrl,
  };
}

/** The one event a state change adds to a record. */
export function recordEvent(state: ConsentState, at: Date, actorId: string, validUntil: Date): ConsentEvent {
  const seconds = Math.max(0, Math.round((validUntil.getTime() - at.getTime()) / 1000));
  return {
    event_time: at.toISOString(),
    event_type: 'dpv:ExplicitlyExpressedConsent',
    event_state: DPV_STATUS[state],
    entity_id: actorId,
    validity_duration: `PT${seconds}S`,
  };
}

/** RFC 8785 bytes: what is hashed, signed and kept. */
export function recordBytes(record: ConsentRecord): Uint8Array {
  const text = canonicalize(record);
  if (text === undefined) throw new TypeError('a consent record is always an object');
  return new TextEncoder().encode(text);
}

export const sha256Hex = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
