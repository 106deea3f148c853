import { z } from 'zod';

/** What a client may choose about a training. */
export const trainingOptionsSchema = z.strictObject({
  preset: z.enum(['cpu-256', 'cpu-256-draft']).default('cpu-256')
    .describe('`cpu-256-draft` shows in a fraction of the time whether the footage is any good; it looks it'),
  /** Which agreed purpose this training serves. An evaluation makes no replica for use. */
  purpose: z.enum(['training', 'evaluation']).default('training'),
  seed: z.int().min(0).max(2 ** 31 - 1).default(1),
  /** Two seconds of neutral face at the start of the footage, where the person was asked for them. */
  neutralSeconds: z.number().min(0).max(10).optional(),
}); // prettier-ignore
export type TrainingOptions = z.infer<typeof trainingOptionsSchema>;

export const trainingRequestSchema = z.strictObject({
  consentId: z.uuid(),
  uploadId: z.uuid(),
  options: trainingOptionsSchema.prefault({}),
});

/** One union that CLI, API, console and tests share. */
export interface TrainingProgress {
  readonly stage: 'probe' | 'frames' | 'track' | 'gate' | 'fit' | 'evaluate' | 'package' | 'seal';
  readonly done: number;
  readonly total: number;
  readonly psnr?: number;
}
