import type { INestApplicationContext } from '@nestjs/common';
import { CONSENT_CHANGED_JOB, ConsentCheck } from '#consent';
import type { JobHandler } from '#queue';
import { RenderingService } from '#rendering';
import { ReplicasService } from '#replicas';
import { TrainingService } from '#training';
import { UploadCheck, UploadDiscard, workerPrincipal } from '#uploads';

/**
 * Carries a change of consent upwards: features may not look up the floors, so the app subscribes them here. One transaction for all of
 * them, ended together with the job.
 */
export function consentPropagation(app: INestApplicationContext): JobHandler {
  const followers = [app.get(TrainingService), app.get(RenderingService), app.get(ReplicasService)];
  return {
    kind: CONSENT_CHANGED_JOB,
    run(lease) {
      const principal = workerPrincipal(lease);
      const { consentId, state } = lease.payload as { consentId: string; state: string };
      return lease.complete(async (tx) => {
        for (const follower of followers) await follower.followConsent(tx, principal, consentId, state);
      });
    },
  };
}

/** Every kind of job that there is; the worker refuses a kind with two handlers. */
export const jobHandlers = (app: INestApplicationContext): JobHandler[] => [
  app.get(TrainingService),
  app.get(RenderingService),
  app.get(UploadCheck),
  app.get(UploadDiscard),
  app.get(ConsentCheck),
  consentPropagation(app),
];
