import { EntitySchema } from 'typeorm';

export interface ObjectRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  kind: string;
  media_type: string;
  /** Of the plain bytes. */
  sha256: string;
  /** Plain bytes; PostgreSQL gives a bigint as text. */
  bytes: string;
  version: number;
  /** The object's key, wrapped by the subject's. */
  wrapped_key: Buffer;
  path: string;
  created_at: Date;
}
const objects = new EntitySchema<ObjectRow>({
  name: 'objects',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    kind: { type: 'text' },
    media_type: { type: 'text' },
    sha256: { type: 'text' },
    bytes: { type: 'bigint' },
    version: { type: 'int' },
    wrapped_key: { type: 'bytea' },
    path: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
  indices: [{ name: 'objects_subject', columns: ['tenant_id', 'subject_id'] }],
});

export const storageEntities = [objects];
