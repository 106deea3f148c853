import { EntitySchema } from 'typeorm';
import type { RenderRequest } from './rendering.schema.ts';
import type { RenderState } from './rendering.states.ts';

export interface RenderRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  consent_id: string;
  replica_id: string;
  job_id: string | null;
  state: RenderState;
  request: RenderRequest;
  object_id: string | null;
  sha256: string | null;
  mark_id: string | null;
  /** The audit event that published it: its place in the log is found by this id, without reading a line. */
  published_event: string | null;
  error: unknown;
  created_at: Date;
  published_at: Date | null;
}
const renders = new EntitySchema<RenderRow>({
  name: 'renders',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    consent_id: { type: 'uuid' },
    replica_id: { type: 'uuid' },
    job_id: { type: 'uuid', nullable: true },
    state: { type: 'text' },
    request: { type: 'jsonb' },
    object_id: { type: 'uuid', nullable: true },
    sha256: { type: 'text', nullable: true },
    mark_id: { type: 'text', nullable: true },
    published_event: { type: 'uuid', nullable: true },
    error: { type: 'jsonb', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    published_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'renders_consent', columns: ['consent_id'] },
    { name: 'renders_sha256', columns: ['sha256'] },
    { name: 'renders_tenant', columns: ['tenant_id', 'id'] },
  ],
});

export interface MarkRow {
  /** The 64-bit watermark id, 16 hex digits. */
  id: string;
  tenant_id: string;
  subject_id: string;
  kid: string;
  render_id: string;
  /** The signed registry row, sealed under a key of its own; that key wrapped by the person's. */
  wrapped_key: Buffer;
  sealed: Buffer;
  created_at: Date;
}
const marks = new EntitySchema<MarkRow>({
  name: 'marks',
  columns: {
    id: { type: 'text', primary: true },
    tenant_id: { type: 'text' },
    kid: { type: 'text' },
    render_id: { type: 'uuid' },
    subject_id: { type: 'uuid' },
    wrapped_key: { type: 'bytea' },
    sealed: { type: 'bytea' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
  indices: [{ name: 'marks_render', columns: ['tenant_id', 'render_id'] }],
});

export const renderingEntities = [renders, marks];
