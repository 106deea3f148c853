import { EntitySchema } from 'typeorm';

const outbox = new EntitySchema({
  name: 'audit_outbox',
  columns: {
    seq: { type: 'bigint', primary: true, generated: 'increment' },
    event_id: { type: 'uuid' },
    tenant_id: { type: 'text' },
    event: { type: 'jsonb' },
  },
});
const entries = new EntitySchema({
  name: 'log_entries',
  columns: {
    idx: { type: 'bigint', primary: true },
    event_id: { type: 'uuid' },
    tenant_id: { type: 'text' },
    line: { type: 'text' },
    leaf: { type: 'bytea' },
  },
  indices: [
    { name: 'log_entries_event', columns: ['event_id'], unique: true },
    { name: 'log_entries_tenant', columns: ['tenant_id', 'idx'] },
  ],
});
const tiles = new EntitySchema({
  name: 'log_tiles',
  columns: {
    level: { type: 'int', primary: true },
    idx: { type: 'bigint', primary: true },
    width: { type: 'int' },
    hashes: { type: 'bytea' },
    tenant_id: { type: 'text', default: 'system' },
  },
});
const checkpoints = new EntitySchema({
  name: 'log_checkpoints',
  columns: {
    size: { type: 'bigint', primary: true },
    note: { type: 'text' },
    tenant_id: { type: 'text', default: 'system' },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
});

const disclosures = new EntitySchema({
  name: 'audit_disclosures',
  columns: {
    event_id: { type: 'uuid', primary: true },
    tenant_id: { type: 'text' },
    subject_id: { type: 'uuid' },
    wrapped_key: { type: 'bytea' },
    sealed: { type: 'bytea' },
  },
  indices: [{ name: 'audit_disclosures_subject', columns: ['tenant_id', 'subject_id'] }],
});

export const auditEntities = [outbox, entries, tiles, checkpoints, disclosures];
