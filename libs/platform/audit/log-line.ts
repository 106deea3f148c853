import { createHmac } from 'node:crypto';
import { canonicalJson } from '#tlog';

/** One outbox row as the sequencer reads it. */
export interface OutboxRow {
  readonly seq: string;
  readonly event_id: string;
  readonly tenant_id: string;
  readonly event: { kind: string; data: Record<string, unknown>; actor: string; time: string; requestid?: string };
}

/** An entry bundle of C2SP tlog-tiles gives a leaf's length in 16 bits. */
export const MAX_LINE_BYTES = 65_535;

/**
 * The line of the log, and so the leaf: a CloudEvents 1.0 envelope in RFC 8785 form, and therefore always the same bytes.
 *
 * A line stays one line whatever stands in it (case LG-04): RFC 8785 escapes U+0000 to U+001F, and the other characters at which some
 * reader breaks lines (U+007F, U+0085, U+2028, U+2029), like those that turn text around, cannot be in it: a line is ASCII, because
 * events hold ids, hashes, numbers and words. Anything else stops here, before it can be hashed.
 * @throws RangeError for a line that is not ASCII or does not fit an entry bundle.
 */
export function logLine(index: number, row: OutboxRow, tenants: TenantPseudonyms): string {
  const line = canonicalJson({
    specversion: '1.0',
    id: row.event_id,
    source: tenants.source(row.tenant_id),
    type: row.event.kind,
    time: new Date(row.event.time).toISOString(),
    sequence: index,
    actor: row.event.actor,
    ...(row.event.requestid === undefined ? {} : { requestid: row.event.requestid }),
    datacontenttype: 'application/json',
    data: row.event.data,
  });
  if (!/^[\x20-\x7e]+$/.test(line) || line.length > MAX_LINE_BYTES)
    throw new RangeError(`outbox row ${row.seq} does not make a line of the log`);
  return line;
}

/**
 * Auditors see which lines belong together, not who the tenant is. Keyed: an unkeyed hash of a company's name is found by trying
 * names. The key is derived from the log's, so a successor log has new pseudonyms.
 */
export class TenantPseudonyms {
  readonly #known = new Map<string, string>();
  constructor(private readonly key: Uint8Array) {}

  /** The `source` of a tenant's lines. */
  source(tenantId: string): string {
    let source = this.#known.get(tenantId);
    if (source === undefined) {
      source = `urn:assent:tenant:${createHmac('sha256', this.key).update(tenantId).digest('hex').slice(0, 32)}`;
      this.#known.set(tenantId, source);
    }
    return source;
  }
}
