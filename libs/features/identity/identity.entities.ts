import { EntitySchema } from 'typeorm';

export interface SubjectRow {
  id: string;
  tenant_id: string;
  state: 'active' | 'erasing' | 'erased';
  created_at: Date;
  erased_at: Date | null;
  /** The person's name under a key of its own, which hangs on the subject's key: erased with it. Null: none was given. */
  sealed_name: Buffer | null;
  /** That key, wrapped under the subject's key. */
  name_key: Buffer | null;
}
const subjects = new EntitySchema<SubjectRow>({
  name: 'subjects',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    state: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    erased_at: { type: 'timestamptz', nullable: true },
    sealed_name: { type: 'bytea', nullable: true },
    name_key: { type: 'bytea', nullable: true },
  },
  indices: [{ name: 'subjects_tenant', columns: ['tenant_id', 'id'] }],
});

export interface IdentityMatchRow {
  id: string;
  tenant_id: string;
  consent_id: string;
  training_id: string;
  band: 'accept' | 'review' | 'refuse';
  score: number;
  accept_at: number;
  refuse_below: number;
  tracks: unknown;
  model_sha256: string;
  created_at: Date;
}
const identityMatches = new EntitySchema<IdentityMatchRow>({
  name: 'identity_matches',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    consent_id: { type: 'uuid' },
    training_id: { type: 'uuid' },
    band: { type: 'text' },
    score: { type: 'double precision' },
    accept_at: { type: 'double precision' },
    refuse_below: { type: 'double precision' },
    tracks: { type: 'jsonb' },
    model_sha256: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
});

export const identityEntities = [subjects, identityMatches];
