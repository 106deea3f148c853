import { join } from 'node:path';
import type { Links } from '#access';
import { rows } from '#db';
import { requireOnePerson, surveyClip } from '#identity';
import { type Principal, type Tx } from '#kernel';
import type { MediaProbe } from '#media';
import type { JobHandler, JobOutcome, Lease } from '#queue';
import type { Scratch } from '#storage';
import { type MediaKit, type UploadsService, workerPrincipal } from '#uploads';
import { CONSENT_CHECK_JOB } from './consent-answers.service.ts';
import type { ConsentRow } from './consent.entities.ts';
import type { ConsentService } from './consent.service.ts';
import { consentsRepository as consents } from './consents.repository.ts';

/**
 * Looks at the clip that was handed in: one person, well enough seen to be compared with the footage later. Then the consent is given, in
 * the transaction that ends the job. It proves no live person; that is a matter of identity checks, and the record says `assurance none`.
 */
export class ConsentCheck implements JobHandler {
  readonly kind = CONSENT_CHECK_JOB;

  constructor(
    private readonly links: Links,
    private readonly consent: ConsentService,
    private readonly uploads: UploadsService,
    private readonly scratch: Scratch,
    private readonly media: MediaKit,
  ) {}

  async run(lease: Lease): Promise<void> {
    const { consentId, uploadId, captureId } = lease.payload as { consentId: string; uploadId: string; captureId: string };
    const principal = principalOf(lease);
    await this.scratch.within(lease.attempt, async (scratch) => {
      const path = join(scratch, 'consent-clip');
      const upload = await this.uploads.materialise(lease.tenantId, uploadId, path);
      const { tools, sandbox } = this.media;
      const survey = await surveyClip(
        { path, probe: upload.probe as MediaProbe, tools, tier: sandbox.tier },
        {
          signal: lease.signal,
          onProgress: ({ done, total }) =>
            void lease.progress({ stage: 'survey', done, total }).catch(() => undefined /* the next step hears why */),
        },
      );
      requireOnePerson(survey, 'consent clip');
      const clip = {
        uploadId,
        sha256: upload.sha256,
        facesSeen: survey.maxSimultaneousFaces,
        modelSha256: survey.models['face_embed_dlib'] ?? '',
        captureId,
        typedCode: lease.payload['typed'] === true,
      };
      const { linkId } = lease.payload as { linkId?: string };
      await lease.complete(async (tx) => {
        await this.consent.giveIn(tx, principal, consentId, clip, { scheme: 'NIST-63A-4', level: 'none' });
        if (linkId !== undefined) await this.links.spend(tx, linkId);
      });
    });
  }

  /** A clip that cannot be used costs one try; the person hears why and may record again. A fault of ours costs none. */
  async settled(tx: Tx, lease: Lease, outcome: JobOutcome): Promise<void> {
    if (outcome.state === 'queued') return;
    const row = await consents.get(tx, lease.tenantId, String(lease.payload['consentId']), 'update');
    if (row.state !== 'evidence_pending') return;
    await consents.move(tx, row, 'evidence_failed', principalOf(lease).actorId, false);
    const ours = (outcome.problem?.status ?? 500) >= 500;
    await rows<ConsentRow>(
      tx,
      `UPDATE consents SET evidence_problem = $3, attempts = attempts - $4 WHERE tenant_id = $1 AND id = $2`,
      [row.tenant_id, row.id, JSON.stringify(outcome.problem ?? null), ours ? 1 : 0],
    );
  }
}

/** Who gave it is the person behind the link, not the worker that looked at the clip. */
const principalOf = (lease: Lease): Principal => ({
  ...workerPrincipal(lease),
  actorId: String(lease.payload['actorId']),
  roles: ['subject'],
});
