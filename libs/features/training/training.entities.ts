import { EntitySchema } from 'typeorm';
import type { TrainingState } from './training.states.ts';

export interface TrainingRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  consent_id: string;
  upload_id: string;
  job_id: string | null;
  state: TrainingState;
  options: unknown;
  cancel_reason: 'user' | 'consent' | 'operator' | null;
  error: unknown;
  replica_id: string | null;
  created_at: Date;
  finished_at: Date | null;
}
const trainings = new EntitySchema<TrainingRow>({
  name: 'trainings',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    consent_id: { type: 'uuid' },
    upload_id: { type: 'uuid' },
    job_id: { type: 'uuid', nullable: true },
    state: { type: 'text' },
    options: { type: 'jsonb' },
    cancel_reason: { type: 'text', nullable: true },
    error: { type: 'jsonb', nullable: true },
    replica_id: { type: 'uuid', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    finished_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'trainings_consent', columns: ['consent_id'] },
    { name: 'trainings_tenant', columns: ['tenant_id', 'id'] },
  ],
});

export const trainingEntities = [trainings];
