import { EntitySchema } from 'typeorm';
import type { LinkPurpose, Role } from '#kernel';

export interface ApiKeyRow {
  id: string;
  tenant_id: string;
  role: Role;
  label: string;
  /** Narrower than the role; null: all of it. */
  scopes: string[] | null;
  prefix: string;
  key_hash: Buffer;
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}
const apiKeys = new EntitySchema<ApiKeyRow>({
  name: 'api_keys',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    role: { type: 'text' },
    label: { type: 'text' },
    scopes: { type: 'text', array: true, nullable: true },
    prefix: { type: 'text' },
    key_hash: { type: 'bytea' },
    created_by: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    expires_at: { type: 'timestamptz', nullable: true },
    revoked_at: { type: 'timestamptz', nullable: true },
    last_used_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'api_keys_prefix', columns: ['prefix'], unique: true },
    { name: 'api_keys_tenant', columns: ['tenant_id', 'id'] },
  ],
});

export interface LinkRow {
  id: string;
  tenant_id: string;
  subject_id: string;
  consent_id: string;
  purpose: LinkPurpose;
  prefix: string;
  token_hash: Buffer;
  created_by: string;
  created_at: Date;
  expires_at: Date;
  spent_at: Date | null;
}
const links = new EntitySchema<LinkRow>({
  name: 'links',
  columns: {
    id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    consent_id: { type: 'uuid' },
    purpose: { type: 'text' },
    prefix: { type: 'text' },
    token_hash: { type: 'bytea' },
    created_by: { type: 'text' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    expires_at: { type: 'timestamptz' },
    spent_at: { type: 'timestamptz', nullable: true },
  },
  indices: [
    { name: 'links_prefix', columns: ['prefix'], unique: true },
    { name: 'links_consent', columns: ['tenant_id', 'consent_id'] },
  ],
});

export interface IdempotencyRow {
  tenant_id: string;
  actor_id: string;
  /** Method and pattern: `POST /v1/renders`. */
  route: string;
  key: string;
  request_sha256: string;
  status: number | null;
  /** Answer (headers and body), sealed under a key that is made of the caller's own token. Null while in progress. */
  sealed: Buffer | null;
  created_at: Date;
  locked_until: Date;
}
const idempotencyKeys = new EntitySchema<IdempotencyRow>({
  name: 'idempotency_keys',
  columns: {
    tenant_id: { type: 'text', primary: true },
    actor_id: { type: 'text', primary: true },
    route: { type: 'text', primary: true },
    key: { type: 'text', primary: true },
    request_sha256: { type: 'text' },
    status: { type: 'int', nullable: true },
    sealed: { type: 'bytea', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    locked_until: { type: 'timestamptz' },
  },
  indices: [{ name: 'idempotency_keys_age', columns: ['created_at'] }],
});

export const accessEntities = [apiKeys, links, idempotencyKeys];
