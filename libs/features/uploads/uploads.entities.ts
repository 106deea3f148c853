import { EntitySchema } from 'typeorm';
import type { ProblemDocument } from '#kernel';

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

/** Where an upload stands. `ready` ones have a row in `uploads` under the same id. */
export type UploadState = 'receiving' | 'checking' | 'ready' | 'refused' | 'expired';

/** A clip that comes, or came, through the door in pieces. */
export interface UploadSessionRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  kind: UploadKind;
  consent_id: string | null;
  capture_id: string | null;
  state: UploadState;
  /** Null while a recording still runs. PostgreSQL gives a bigint as text. */
  length_bytes: string | null;
  /** Durable bytes: what HEAD tells. */
  offset_bytes: string;
  /** What the client says the whole will hash to. */
  declared_sha256: string | null;
  /** The key of the pieces, wrapped by the subject's. */
  wrapped_key: Buffer;
  problem: ProblemDocument | null;
  created_at: Date;
  expires_at: Date;
}
const uploadSessions = new EntitySchema<UploadSessionRow>({
  name: 'upload_sessions',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    kind: { type: 'text' },
    consent_id: { type: 'uuid', nullable: true },
    capture_id: { type: 'uuid', nullable: true },
    state: { type: 'text' },
    length_bytes: { type: 'bigint', nullable: true },
    offset_bytes: { type: 'bigint', default: 0 },
    declared_sha256: { type: 'text', nullable: true },
    wrapped_key: { type: 'bytea' },
    problem: { type: 'jsonb', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    expires_at: { type: 'timestamptz' },
  },
  indices: [{ name: 'upload_sessions_subject', columns: ['tenant_id', 'subject_id'] }],
});

export const uploadEntities = [uploads, uploadSessions];
