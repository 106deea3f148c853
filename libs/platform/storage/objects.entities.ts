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

/** A sealed piece of an upload that is still arriving. Its row makes it count; pieces follow each other without gap or overlap. */
export interface SegmentRow {
  upload_id: string;
  tenant_id: string;
  subject_id: string;
  /** Plain bytes before this piece; PostgreSQL gives a bigint as text. */
  start_byte: string;
  bytes: number;
  path: string;
}
const segments = new EntitySchema<SegmentRow>({
  name: 'object_segments',
  columns: {
    upload_id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    start_byte: { type: 'bigint', primary: true },
    bytes: { type: 'int' },
    path: { type: 'text' },
  },
  indices: [{ name: 'object_segments_subject', columns: ['tenant_id', 'subject_id'] }],
});

export const storageEntities = [objects, segments];
