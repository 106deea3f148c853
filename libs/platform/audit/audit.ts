import { rows } from '#db';
import { type Principal, type Tx, DomainError, newId } from '#kernel';
import { type AuditEvent, auditEvent } from './audit.events.ts';

/** The record cannot be written, so the effect does not happen (DESIGN rule 1). */
export class LogUnavailableError extends DomainError {
  override readonly problem = { slug: 'log-unavailable', status: 503, title: 'The audit log cannot take records' } as const;
}

/** Refuse effects when the sequencer is this far behind: a log that never catches up is no log. */
const MAX_BACKLOG = 50_000;

export class Audit {
  /**
   * Writes the event into the outbox, in the transaction of the effect it records. No lock, no NOTIFY: either costs every business
   * transaction (measured: NOTIFY cuts inserts to 29 %). Returns the event's id.
   * @throws LogUnavailableError when the sequencer has stopped for long.
   */
  async append(tx: Tx, principal: Principal, input: AuditEvent): Promise<string> {
    const { kind, data } = auditEvent.parse(input);
    const id = newId();
    const [row] = await rows<{ backlog: string }>(
      tx,
      `INSERT INTO audit_outbox (event_id, tenant_id, event)
       SELECT $1, $2, jsonb_build_object('kind', $3::text, 'data', $4::jsonb, 'actor', $5::text, 'time', clock_timestamp())
       RETURNING seq - coalesce((SELECT min(seq) FROM audit_outbox), seq) AS backlog`,
      [id, principal.tenantId, kind, JSON.stringify(data), principal.actorId],
    );
    if (Number(row!.backlog) > MAX_BACKLOG)
      throw new LogUnavailableError('The audit log is far behind. Try again in a minute.', { retry_after: 60 });
    return id;
  }
}
