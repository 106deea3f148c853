import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** One outbox row as the sequencer reads it. */
export interface OutboxRow {
  readonly seq: string;
  readonly event_id: string;
  readonly tenant_id: string;
  readonly event: { kind: string; data: Record<string, unknown>; actor: string; time: string };
}

/**
 * The line of the log, and so the leaf: a CloudEvents 1.0 envelope in RFC 8785 form. RFC 8785 escapes every control character, so a
 * line stays one line whatever stands in it (case LG-04).
 */
export function logLine(index: number, row: OutboxRow): string {
  const line = canonicalize({
    specversion: '1.0',
    id: row.event_id,
    source: `urn:assent:tenant:${tenantPseudonym(row.tenant_id)}`,
    type: row.event.kind,
    time: new Date(row.event.time).toISOString(),
    sequence: index,
    actor: row.event.actor,
    datacontenttype: 'application/json',
    data: row.event.data,
  });
  if (line === undefined) throw new TypeError('an event is always an object');
  return line;
}

/** Auditors see which lines belong together, not who the tenant is. */
export const tenantPseudonym = (tenantId: string): string =>
  createHash('sha256').update(`assent-tenant|${tenantId}`).digest('hex').slice(0, 16);
