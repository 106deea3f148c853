import { EntitySchema } from 'typeorm';

/** What a clip is for. The consent clip is evidence; the footage is what a replica is fitted to. */
export type UploadKind = 'consent-clip' | 'footage';

export interface UploadRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  kind: UploadKind;
  object_id: string;
  sha256: string;
  /** PostgreSQL gives a bigint as text. */
  bytes: string;
  probe: unknown;
  created_at: Date;
}
const uploads = new EntitySchema<UploadRow>({
  name: 'uploads',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    kind: { type: 'text' },
    object_id: { type: 'uuid' },
    sha256: { type: 'text' },
    bytes: { type: 'bigint' },
    probe: { type: 'jsonb' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
  indices: [{ name: 'uploads_subject', columns: ['tenant_id', 'subject_id'] }],
});

export const uploadEntities = [uploads];
