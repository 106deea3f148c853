import { z } from 'zod';
import { purposeSchema } from '#consent';

/**
 * What a render request carries. It holds no pixel and no latent: a coefficient track (named coefficients, gaze, pose), and which
 * stretch of the subject's own footage gives the voice.
 */
export const renderRequestSchema = z.strictObject({
  replicaId: z.uuid(),
  purpose: purposeSchema,
  /** Stretch of the replica's own coefficient track, in seconds of the footage. */
  start: z.number().min(0),
  seconds: z.number().min(1).max(600),
  /** Sound: the same stretch of the subject's own footage, or none. */
  audio: z.enum(['own', 'none']),
  /** Every output of a demonstration says so in its picture. */
  demo: z.boolean(),
});
export type RenderRequest = z.infer<typeof renderRequestSchema>;
