import { z } from 'zod';
import type { JobStanding } from '#queue';
import { purposeSchema } from '#consent';
import type { RenderRow } from './rendering.entities.ts';
import { RENDER_STATES, type RenderState } from './rendering.states.ts';

const problem = z.looseObject({ code: z.string(), title: z.string(), status: z.int(), detail: z.string() });

export const renderWire = z
  .strictObject({
    id: z.uuid(),
    state: z.enum([...RENDER_STATES, 'cancelling']),
    stage: z.string().nullable(),
    progress: z.number().min(0).max(1),
    eta_seconds: z.int().nullable(),
    replica_id: z.uuid(),
    subject_id: z.uuid(),
    consent_id: z.uuid(),
    purpose: purposeSchema,
    start: z.number(),
    seconds: z.number(),
    audio: z.enum(['own', 'none']),
    sha256: z.string().nullable().describe('of the published bytes'),
    mark_id: z.string().nullable().describe('the watermark, 16 hex digits'),
    download_url: z.string().nullable().describe('relative; only while it may be downloaded'),
    cancel_reason: z.enum(['user', 'consent', 'operator']).nullable(),
    error: problem.nullable(),
    stages: z.array(z.strictObject({ name: z.string(), started_at: z.iso.datetime(), ms: z.int().nullable() })),
    created_at: z.iso.datetime(),
    published_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Render' });
export type RenderWire = z.input<typeof renderWire>;

const RUNNING: readonly (RenderState | 'cancelling')[] = ['queued', 'rendering', 'marking', 'self_check', 'cancelling'];
/** Whether a client should ask again. */
export const isRunning = (state: RenderWire['state']): boolean => RUNNING.includes(state);

export function toWire(row: RenderRow, job: JobStanding | undefined): RenderWire {
  const state = isRunning(row.state) && job?.state === 'cancelling' ? 'cancelling' : row.state;
  const working = isRunning(state) && state !== 'queued';
  const told = (job?.progress ?? {}) as { stage?: string; progress?: number; eta_seconds?: number | null };
  return {
    id: row.id,
    state,
    stage: working ? (told.stage ?? null) : null,
    progress: row.published_at ? 1 : state === 'queued' ? 0 : (told.progress ?? 0),
    eta_seconds: working ? (told.eta_seconds ?? null) : null,
    replica_id: row.replica_id,
    subject_id: row.subject_id,
    consent_id: row.consent_id,
    purpose: row.request.purpose,
    start: row.request.start,
    seconds: row.request.seconds,
    audio: row.request.audio,
    sha256: row.sha256,
    mark_id: row.mark_id,
    download_url: row.state === 'published' ? `/v1/renders/${row.id}/download` : null,
    cancel_reason: (job?.cancel_reason as RenderWire['cancel_reason']) ?? (row.state === 'cancelled' ? 'consent' : null),
    error: row.error as RenderWire['error'],
    stages: [...(job?.stages ?? [])],
    created_at: row.created_at.toISOString(),
    published_at: row.published_at?.toISOString() ?? null,
  };
}
