import { z } from 'zod';

/** Purposes a person can tick, one by one; none is preset. Codes of the consent record, never "any use". */
export const PURPOSES = [
  'training',
  'async_video',
  'realtime_conversation',
  'advertising',
  'internal_training',
  'accessibility',
  'evaluation',
] as const;
export const purposeSchema = z.enum(PURPOSES);
export type Purpose = z.infer<typeof purposeSchema>;

/** How sure we are that the evidence shows the person. The levels are NIST SP 800-63A-4's; we never claim IAL2 by ourselves. */
export const assuranceSchema = z.object({ scheme: z.literal('NIST-63A-4'), level: z.enum(['none', 'IAL1', 'IAL2', 'IAL3']) });
export type Assurance = z.infer<typeof assuranceSchema>;

/**
 * The likeness scope. Purposes, term and `export_model` are enforced today; emotions, intensity, languages and counts are recorded and
 * signed, and wait for the emotion policy (README, "What is not claimed").
 */
export const scopeSchema = z.strictObject({
  purposes: z.array(purposeSchema).min(1).refine((list) => new Set(list).size === list.length, 'a purpose is named twice'),
  intended_uses: z.array(z.string().min(3).max(200)).min(1).refine((list) => !list.some((use) => /\bany( |-)?(use|purpose)\b/i.test(use)), 'name the uses; "any use" is not one'),
  allowed_emotions: z.array(z.enum(['neutral', 'happiness', 'sadness', 'anger', 'fear', 'surprise', 'disgust', 'contempt'])),
  max_intensity: z.number().min(0).max(1),
  languages: z.array(z.string().regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)),
  realtime: z.boolean(),
  max_renders: z.number().int().positive().nullable(),
  audience_min_age: z.number().int().min(0).max(21),
  prohibited_uses: z.array(z.string().max(200)),
  script_preapproval: z.boolean(),
  export_model: z.boolean(),
}); // prettier-ignore
export type ConsentScope = z.infer<typeof scopeSchema>;

export const zoneSchema = z.string().refine((zone) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format();
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}, 'not an IANA time zone');

/** What a person was asked, when, for how long. `valid_until` is an instant; the zone says where its day ended (DESIGN rule 16). */
export const consentRequestSchema = z.strictObject({
  subjectId: z.uuid(),
  scope: scopeSchema,
  language: z.string().min(2),
  notice: z.strictObject({ id: z.string(), version: z.string(), text: z.string().min(1) }),
  controller: z.strictObject({
    party_id: z.string(),
    party_name: z.string(),
    party_address: z.string(),
    party_contact: z.string(),
  }),
  jurisdiction: z.string().min(2),
  validUntil: z.date(),
  zone: zoneSchema,
});
export type ConsentRequest = z.infer<typeof consentRequestSchema>;
