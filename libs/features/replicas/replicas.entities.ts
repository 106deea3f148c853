import { EntitySchema } from 'typeorm';
import type { ReplicaState } from './replicas.states.ts';

export interface ReplicaRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  consent_id: string;
  training_id: string;
  state: ReplicaState;
  /** The sealed container, the coefficient track of the footage, the signed card picture: all encrypted objects. */
  object_id: string;
  drive_object_id: string;
  card_object_id: string;
  sha256: string;
  manifest: Record<string, unknown>;
  created_at: Date;
}
const replicas = new EntitySchema<ReplicaRow>({
  name: 'replicas',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    consent_id: { type: 'uuid' },
    training_id: { type: 'uuid' },
    state: { type: 'text' },
    object_id: { type: 'uuid' },
    drive_object_id: { type: 'uuid' },
    card_object_id: { type: 'uuid' },
    sha256: { type: 'text' },
    manifest: { type: 'jsonb' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
  indices: [
    { name: 'replicas_consent', columns: ['consent_id'] },
    { name: 'replicas_tenant', columns: ['tenant_id', 'id'] },
  ],
});

export const replicaEntities = [replicas];
