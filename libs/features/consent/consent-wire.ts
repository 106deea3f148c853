import { z } from 'zod';
import type { ConsentRow } from './consent.entities.ts';
import { MAX_ATTEMPTS } from './consent-captures.ts';
import { purposeSchema, scopeSchema, zoneSchema } from './consent.schema.ts';

/** What an operator asks for, as it comes over the wire. What is left out is not asked for. */
export const consentAskSchema = z.strictObject({
  subject_id: z.uuid(),
  scope: scopeSchema
    .extend({
      allowed_emotions: scopeSchema.shape.allowed_emotions.default(['neutral']),
      max_intensity: scopeSchema.shape.max_intensity.default(0.5),
      languages: scopeSchema.shape.languages.default([]),
      realtime: z.boolean().default(false),
      max_renders: scopeSchema.shape.max_renders.default(null),
      audience_min_age: scopeSchema.shape.audience_min_age.default(0),
      prohibited_uses: scopeSchema.shape.prohibited_uses.default([]),
      script_preapproval: z.boolean().default(false),
      export_model: z.boolean().default(false),
    })
    .describe('what the person is asked to agree to'),
  language: z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/).default('en').describe('BCP 47'),
  notice: z.strictObject({ id: z.string().min(1).max(100), version: z.string().min(1).max(100), text: z.string().min(20).max(20_000) }).optional()
    .describe('what the person reads; left out: the built-in notice of the language'),
  controller: z.strictObject({
    party_id: z.string().min(1).max(200),
    party_name: z.string().min(1).max(200),
    party_address: z.string().min(1).max(500),
    party_contact: z.string().min(1).max(200),
  }),
  jurisdiction: z.string().min(2).max(20).describe('ISO 3166 code or EU'),
  valid_until: z.string().max(40).describe('a date (that whole day where the person is) or an RFC 3339 instant; at most ten years ahead'),
  zone: zoneSchema.describe('IANA time zone of the person'),
  link_days: z.int().min(1).max(30).default(7).describe('how long the link can be used'),
}); // prettier-ignore
export type ConsentAsk = z.infer<typeof consentAskSchema>;

/** What the person hands in. Purposes are the ones that the person ticked, one by one. */
export const evidenceSchema = z.strictObject({
  capture_id: z.uuid(),
  upload_id: z.uuid(),
  purposes: z.array(purposeSchema).min(1),
  export_model: z.boolean().default(false),
  realtime: z.boolean().default(false),
  confirmed: z.literal(true).describe('the person watched the clip and confirmed it'),
  typed_code: z.string().max(64).optional().describe('for who cannot speak: the code, in any script'),
});
export type EvidenceInput = z.infer<typeof evidenceSchema>;

const problemSchema = z.looseObject({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() });

export const consentWire = z.object({
  id: z.uuid(),
  subject_id: z.uuid(),
  state: z.string(),
  purposes: z.array(z.string()).describe('agreed once the state is `given`; asked for before'),
  scope: z.looseObject({}),
  language: z.string(),
  jurisdiction: z.string(),
  valid_until: z.string(),
  zone: z.string(),
  assurance: z.string(),
  attempts_left: z.int(),
  evidence: z.object({ state: z.enum(['checking', 'failed']), problem: problemSchema.nullable() }).nullable(),
  record_sha256: z.string().nullable(),
  status_url: z.string(),
  created_at: z.string(),
  ended_at: z.string().nullable(),
});
export type ConsentWire = z.infer<typeof consentWire>;

export function toWire(row: ConsentRow, statusUrl: string): ConsentWire {
  const checking = row.state === 'evidence_pending';
  return {
    id: row.id,
    subject_id: row.subject_id,
    state: row.state,
    purposes: row.purposes,
    scope: { ...row.scope },
    language: row.request.language,
    jurisdiction: row.request.jurisdiction,
    valid_until: row.valid_until.toISOString(),
    zone: row.zone,
    assurance: row.assurance,
    attempts_left: Math.max(0, MAX_ATTEMPTS - row.attempts),
    evidence: checking ? { state: 'checking', problem: null } : row.evidence_problem ? { state: 'failed', problem: row.evidence_problem as never } : null, // prettier-ignore
    record_sha256: row.record_sha256,
    status_url: statusUrl,
    created_at: row.created_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  };
}

export const consentSessionWire = z.object({
  consent: z.object({
    id: z.uuid(),
    state: z.string(),
    language: z.string(),
    jurisdiction: z.string(),
    valid_until: z.string(),
    zone: z.string(),
    controller: z.object({ party_name: z.string(), party_address: z.string(), party_contact: z.string() }),
    notice: z.object({ id: z.string(), version: z.string(), text: z.string() }),
    offered: z.looseObject({ purposes: z.array(z.string()), intended_uses: z.array(z.string()) }),
    purposes: z.array(z.string()),
    attempts_left: z.int(),
    evidence: consentWire.shape.evidence,
  }),
  subject: z.object({ id: z.uuid(), name: z.string().nullable() }),
  link: z.object({ purpose: z.enum(['consent', 'manage']), expires_at: z.string() }),
  server_time: z.string(),
});

export function toSession(
  row: ConsentRow,
  about: { name: string | null; link: { purpose: 'consent' | 'manage'; expiresAt: Date }; now: Date; statusUrl: string },
): z.infer<typeof consentSessionWire> {
  const wire = toWire(row, about.statusUrl);
  const { party_name, party_address, party_contact } = row.request.controller;
  return {
    consent: {
      ...wire,
      controller: { party_name, party_address, party_contact },
      notice: row.request.notice,
      offered: { ...row.request.scope },
    },
    subject: { id: row.subject_id, name: about.name },
    link: { purpose: about.link.purpose, expires_at: about.link.expiresAt.toISOString() },
    server_time: about.now.toISOString(),
  };
}

export const receiptWire = z.object({
  receipt: z.string().describe('compact JWS (EdDSA) over the RFC 8785 bytes of the record'),
  record: z.looseObject({}).describe('ISO/IEC TS 27560 field names, DPV 2.3 terms'),
  status_url: z.string(),
  manage_url: z.string().nullable().describe('for the person only: pause and withdraw'),
  verify_hint: z.string(),
});
