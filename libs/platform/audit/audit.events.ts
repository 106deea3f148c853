import { z } from 'zod';

/*
 * Everything the log can say, for auditors: docs/guides/auditor.md explains each line. The schemas are strict and hold only ids,
 * hashes, numbers and words from closed lists or of a closed form: a person's name has no field to stand in (DESIGN rule 8). What is
 * personal and still has to be proven later goes into `personal` (see personal-data.ts): the line holds its salted digest only.
 * Never rename or remove a member of a kind that has been logged; add a new kind instead.
 */
const id = z.uuid();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const slug = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/).max(64); // prettier-ignore
/** Lower-case ASCII without spaces, a constant of our code: what a person would write as a name or an address does not fit. */
const word = z.string().regex(/^[a-z0-9]+([._:-][a-z0-9]+)*$/).max(64); // prettier-ignore
const markId = z.string().regex(/^[0-9a-f]{16}$/);
const keyId = z.string().regex(/^[a-z]+(-[a-z]+)*-[0-9]+$/).max(64); // prettier-ignore
const count = z.int().min(0);
const consent = { consentId: id, subjectId: id };

const event = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ kind: z.literal(kind), data: z.strictObject(shape) });

export const auditEvent = z.discriminatedUnion('kind', [
  event('subject.created', { subjectId: id }),
  event('subject.erased', { subjectId: id, objects: count }),
  event('key.created', { subjectId: id.optional(), purpose: word }),
  event('key.destroyed', { subjectId: id, purpose: word }),
  event('upload.completed', { uploadId: id, subjectId: id, uploadKind: word, sha256, bytes: count }),
  event('upload.refused', { subjectId: id, uploadKind: word, slug }),
  event('consent.requested', { ...consent, purposes: z.array(word) }),
  event('consent.notice-shown', { ...consent, textSha256: sha256 }),
  event('consent.given', {
    ...consent,
    recordSha256: sha256,
    clipSha256: sha256,
    assurance: z.enum(['none', 'IAL1', 'IAL2', 'IAL3']),
    purposes: z.array(word),
  }),
  event('consent.refused', consent),
  event('consent.withdrawn', consent),
  event('consent.paused', consent),
  event('consent.resumed', consent),
  event('consent.expired', consent),
  event('gate.refused', {
    gate: word,
    slug,
    consentId: id.optional(),
    subjectId: id.optional(),
    trainingId: id.optional(),
    replicaId: id.optional(),
    renderId: id.optional(),
  }),
  event('identity.matched', {
    consentId: id,
    trainingId: id,
    band: z.enum(['accept', 'review', 'refuse']),
    score: z.number(),
    modelSha256: sha256,
  }),
  event('training.requested', { trainingId: id, consentId: id, uploadId: id, subjectId: id }),
  event('training.queued', { trainingId: id, jobId: id }),
  event('training.started', { trainingId: id, epoch: count }),
  event('training.succeeded', { trainingId: id, replicaId: id }),
  event('training.failed', { trainingId: id, slug }),
  event('training.cancelled', { trainingId: id, reason: word }),
  event('training.refused', { trainingId: id, slug }),
  event('replica.created', { replicaId: id, consentId: id, subjectId: id, sha256 }),
  event('replica.restricted', { replicaId: id }),
  event('replica.resumed', { replicaId: id }),
  event('replica.sealed', { replicaId: id }),
  event('replica.erased', { replicaId: id }),
  event('render.requested', { renderId: id, replicaId: id, consentId: id, purpose: word }),
  event('render.published', { renderId: id, consentId: id, sha256, markId, manifestSha256: sha256 }),
  event('render.quarantined', { renderId: id, slug }),
  event('render.failed', { renderId: id, slug }),
  event('render.refused', { renderId: id, slug }),
  event('render.cancelled', { renderId: id, reason: word }),
  event('render.disabled', { renderId: id }),
  event('provenance.signed', { renderId: id, manifestSha256: sha256, certificateSha256: sha256 }),
  event('watermark.embedded', { renderId: id, markId, kid: keyId }),
  event('verification.performed', { verdict: word, sha256 }),
  event('audit.exported', { since: count, until: count, tenantOnly: z.boolean().optional() }),
  event('access.denied', { action: word, slug }),
  event('api-key.created', { keyId: id, role: word }),
  event('api-key.revoked', { keyId: id }),
]);
export type AuditEvent = z.infer<typeof auditEvent>;
export type AuditEventKind = AuditEvent['kind'];
export const AUDIT_EVENT_KINDS: readonly AuditEventKind[] = auditEvent.options.map((option) => option.shape.kind.value);

/** Who acts, as it stands in a line: an opaque id, never an e-mail address or a name. */
export const actorWord = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/);
/** The request that an event belongs to: the extension attribute `requestid` of a line. */
export const requestWord = z.string().regex(/^[A-Za-z0-9-]{8,64}$/); // prettier-ignore
