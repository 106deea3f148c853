import type { ConsentRow, ConsentService } from '#consent';
import type { SubjectsService } from '#identity';
import type { Principal, ProblemDocument, Tx } from '#kernel';
import type { ConsentAssertion } from '#provenance';
import type { ReplicasService, SigningKit } from '#replicas';
import type { Objects } from '#storage';
import type { MediaKit, UploadsService } from '#uploads';
import type { FitSummary } from './fit.child.ts';
import type { TrainingState } from './training.states.ts';

/** What the pipeline's steps work with. */
export interface TrainingTools {
  readonly consent: ConsentService;
  readonly uploads: UploadsService;
  readonly subjects: SubjectsService;
  readonly replicas: ReplicasService;
  readonly objects: Objects;
  readonly media: MediaKit;
  readonly signing: SigningKit;
  /** The worker, for the tenant and the request of this job. */
  readonly principal: Principal;
  readonly consentAssertion: (consent: ConsentRow) => ConsentAssertion;
  readonly finish: (
    tx: Tx,
    id: string,
    end: { state: TrainingState; replicaId?: string; error?: ProblemDocument; cancelReason?: string },
  ) => Promise<void>;
  /** Told when a replica was measured, while its scratch folder still exists: the demo copies its report from there. */
  readonly onEvaluated?: (trainingId: string, fitted: FitSummary, scratch: string) => void;
}
