import { z } from 'zod';
import type { PlatformVerification } from './verification.service.ts';

const reasons = z.array(z.string()).describe('status codes of the C2PA specification, slugs, sentences');

export const verificationWire = z
  .strictObject({
    verdict: z.enum(['trusted', 'not-trusted']),
    sentence: z.string().describe('read this first'),
    checks: z.array(z.strictObject({ name: z.enum(['manifest', 'watermark', 'registry']), outcome: z.enum(['holds', 'fails', 'unknown']), detail: z.string() })),
    sha256: z.string(),
    bytes: z.int(),
    consent_status: z.enum(['valid', 'paused', 'withdrawn', 'expired', 'invalidated', 'unknown', 'not-named'])
      .describe('now; named by a trusted manifest only'),
    log_index: z.int().nullable().describe('the entry of the public log that published these bytes'),
    c2pa: z.strictObject({
      state: z.string().describe('`none` says nothing about where a file comes from'),
      summary: z.string(),
      reasons,
      signer: z.string().optional(),
      signed_at: z.string().optional().describe('only what a valid time stamp proves'),
      active_manifest: z.string().optional(),
      manifest_sha256: z.string().optional(),
      consent: z.strictObject({ status_url: z.string(), record_sha256: z.string(), scope_sha256: z.string(), assurance: z.string() }).optional(),
      lineage: z.record(z.string(), z.string()).optional(),
      soft_bindings: z.array(z.strictObject({ alg: z.string(), value: z.string() })),
      ingredients: z.array(z.strictObject({ title: z.string(), failures: z.array(z.string()) })),
    }),
    watermark: z.strictObject({
      state: z.enum(['match', 'derived', 'transplant_suspected', 'cannot_tell', 'none', 'not_looked']).describe('`none` says nothing'),
      id: z.string().optional(),
      similarity: z.number().optional(),
      render_id: z.string().optional(),
      video: z.strictObject({ found: z.boolean(), log10p: z.number(), frames_used: z.int() }).optional(),
      audio: z.strictObject({ found: z.boolean(), log10p: z.number(), seconds: z.number() }).optional(),
      reasons,
    }),
  })
  .meta({ id: 'Verification' }); // prettier-ignore
export type VerificationWire = z.input<typeof verificationWire>;

/** Zero keeps its meaning, infinity has none in JSON. */
const finite = (value: number): number => (Number.isFinite(value) ? value : Math.sign(value) * 1e6);

export function toWire({ c2pa, watermark, ...report }: PlatformVerification & { bytes: number }): VerificationWire {
  const { video, audio } = watermark;
  return {
    verdict: report.verdict,
    sentence: report.sentence,
    checks: report.checks.map(({ name, outcome, detail }) => ({ name, outcome, detail })),
    sha256: report.sha256,
    bytes: report.bytes,
    consent_status: report.consentStatus,
    log_index: report.logIndex,
    c2pa: {
      state: c2pa.state,
      summary: c2pa.summary,
      reasons: [...c2pa.reasons],
      signer: c2pa.signer,
      signed_at: c2pa.signedAt,
      active_manifest: c2pa.activeManifest,
      manifest_sha256: c2pa.manifestSha256,
      consent: c2pa.consent,
      lineage: c2pa.lineage,
      soft_bindings: c2pa.softBindings.map(({ alg, value }) => ({ alg, value })),
      ingredients: c2pa.ingredients.map(({ title, failures }) => ({ title, failures: [...failures] })),
    },
    watermark: {
      state: watermark.state,
      id: watermark.id,
      similarity: watermark.similarity,
      render_id: watermark.renderId,
      video: video && { found: video.found, log10p: finite(video.log10p), frames_used: video.framesUsed },
      audio: audio && { found: audio.found, log10p: finite(audio.log10p), seconds: audio.seconds },
      reasons: [...watermark.reasons],
    },
  };
}
