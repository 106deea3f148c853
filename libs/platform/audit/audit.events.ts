import { z } from 'zod';

/*
 * Everything the log can say, for auditors: docs/guides/auditor.md explains each line. The schemas are strict and hold only ids,
 * hashes, numbers and words from closed lists: a person's name has no field to stand in (DESIGN rule 8).
 * Never rename or remove a member of a kind that has been logged; add a new kind instead.
 */
const id = z.uuid();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const slug = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/).max(64); // prettier-ignore
const word = z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/);

const event = <K extends string, S extends z.ZodRawShape>(kind: K, shape: S) =>
  z.strictObject({ kind: z.literal(kind), data: z.strictObject(shape) });

export const auditEvent = z.discriminatedUnion('kind', [
  event('subject.created', { subjectId: id }),
  event('subject.erased', { subjectId: id, objects: z.int() }),
  event('key.created', { subjectId: id.optional(), purpose: word }),
  event('key.destroyed', { subjectId: id, purpose: word }),
  event('upload.completed', { uploadId: id, subjectId: id, uploadKind: word, sha256, bytes: z.int() }),
  event('upload.refused', { subjectId: id, uploadKind: word, slug }),
  event('consent.requested', { consentId: id, subjectId: id, purposes: z.array(word) }),
  event('consent.given', {
    consentId: id,
    subjectId: id,
    recordSha256: sha256,
    clipSha256: sha256,
    assurance: word,
    purposes: z.array(word),
  }),
  event('consent.refused', { consentId: id, subjectId: id }),
  event('consent.withdrawn', { consentId: id, subjectId: id }),
  event('consent.paused', { consentId: id, subjectId: id }),
  event('consent.resumed', { consentId: id, subjectId: id }),
  event('consent.expired', { consentId: id, subjectId: id }),
  event('gate.refused', {
    gate: word,
    slug,
    consentId: id.optional(),
    subjectId: id.optional(),
    trainingId: id.optional(),
    renderId: id.optional(),
  }),
  event('identity.matched', { consentId: id, trainingId: id, band: word, score: z.number(), modelSha256: sha256 }),
  event('training.requested', { trainingId: id, consentId: id, uploadId: id, subjectId: id }),
  event('training.started', { trainingId: id, epoch: z.int() }),
  event('training.succeeded', { trainingId: id, replicaId: id }),
  event('training.failed', { trainingId: id, slug }),
  event('training.cancelled', { trainingId: id, reason: word }),
  event('replica.created', { replicaId: id, consentId: id, subjectId: id, sha256 }),
  event('replica.restricted', { replicaId: id }),
  event('replica.resumed', { replicaId: id }),
  event('replica.sealed', { replicaId: id }),
  event('render.requested', { renderId: id, replicaId: id, consentId: id, purpose: word }),
  event('render.published', { renderId: id, consentId: id, sha256, markId: word, manifestSha256: sha256 }),
  event('render.quarantined', { renderId: id, slug }),
  event('render.failed', { renderId: id, slug }),
  event('render.cancelled', { renderId: id, reason: word }),
  event('render.disabled', { renderId: id }),
  event('verification.performed', { verdict: word, sha256 }),
  event('audit.exported', { since: z.int(), until: z.int() }),
  event('access.denied', { action: word, slug }),
]);
export type AuditEvent = z.infer<typeof auditEvent>;
export type AuditEventKind = AuditEvent['kind'];
export const AUDIT_EVENT_KINDS: readonly AuditEventKind[] = auditEvent.options.map((option) => option.shape.kind.value);
