import { rows } from '#db';
import { type Principal, type Tx, DomainError, InvalidInputError, newId } from '#kernel';
import { type AuditEvent, actorWord, auditEvent, requestWord } from './audit.events.ts';
import { type Disclosure, type DisclosureSealer, type PersonalFields, eraseDisclosures, openDisclosures, storeDisclosures } from './personal-data.ts'; // prettier-ignore

/** The record cannot be written, so the effect does not happen (DESIGN rule 1). */
export class LogUnavailableError extends DomainError {
  override readonly problem = { slug: 'log-unavailable', status: 503, title: 'The audit log cannot take records' } as const;
  constructor(detail: string, options?: ErrorOptions) {
    super(detail, { retry_after: 60 }, options);
  }
}

/** Refuse effects when the sequencer is this far behind: a log that never catches up is no log. */
export interface BacklogLimits {
  readonly rows: number;
  readonly seconds: number;
}
const LIMITS: BacklogLimits = { rows: 50_000, seconds: 600 };

/** The one way to write into the log. */
export class Audit {
  /** `sealer`: needed only for events with personal fields. */
  constructor(
    private readonly sealer?: DisclosureSealer,
    private readonly limits: BacklogLimits = LIMITS,
  ) {}

  /**
   * Writes the event into the outbox, in the transaction of the effect it records: both happen or neither. No lock and no NOTIFY: either
   * costs every business transaction (measured: NOTIFY cuts inserts to 29 %, an advisory lock to 6 %). Returns the event's id.
   *
   * `personal` fields stand in the line as salted digests (`_sd`, RFC 9901 §4.2); what opens them is sealed under the person's key.
   * @throws LogUnavailableError when the outbox cannot be written, or the sequencer has stopped for long.
   * @throws InvalidInputError when the event does not fit its schema: the message names members, never values.
   */
  async append(tx: Tx, principal: Principal, input: AuditEvent, personal?: PersonalFields): Promise<string> {
    const parsed = auditEvent.safeParse(input);
    const actor = actorWord.safeParse(principal.actorId);
    if (!parsed.success || !actor.success) {
      const faults = parsed.error?.issues.map((issue) => ({ pointer: `/${issue.path.join('/')}`, detail: issue.code })) ?? [];
      throw new InvalidInputError(
        'An audit event holds ids, hashes, numbers and words only.',
        actor.success ? faults : [...faults, { pointer: '/actor', detail: 'not an opaque id' }],
      );
    }
    const { kind, data } = parsed.data;
    const id = newId();
    const digests = personal === undefined ? undefined : await this.#seal(tx, principal, id, personal);
    const body = digests === undefined ? data : { ...data, _sd: digests, _sd_alg: 'sha-256' };
    // Edge to job to leaf: what the caller sent is checked at the edge, and here again, because a leaf is for ever.
    const request = requestWord.safeParse(principal.requestId).data;
    const waiting = await this.#insert(tx, principal, id, { kind, body, ...(request === undefined ? {} : { request }) });
    if (waiting.rows > this.limits.rows || waiting.seconds > this.limits.seconds)
      throw new LogUnavailableError(
        `The audit log is behind by ${waiting.rows} records and ${Math.round(waiting.seconds)} s. Try again in a minute; if it stays, the sequencer has stopped.`,
      );
    return id;
  }

  /** Disclosures of one event, to be shown to whoever may see them. Checked against the log by `disclosureDigest`. */
  async disclosures(tx: Tx, principal: Principal, eventId: string): Promise<Disclosure[]> {
    return openDisclosures(tx, principal, this.#requireSealer(), eventId);
  }

  /** Part of erasing a person, in its transaction. Proofs of the log stay valid. Returns the number of events that lost their fields. */
  erasePersonal(tx: Tx, principal: Principal, subjectId: string): Promise<number> {
    return eraseDisclosures(tx, principal, subjectId);
  }

  #requireSealer(): DisclosureSealer {
    if (!this.sealer)
      throw new LogUnavailableError('Personal fields cannot be recorded here: no key store was given to the audit log.');
    return this.sealer;
  }

  #seal(tx: Tx, principal: Principal, eventId: string, personal: PersonalFields): Promise<string[]> {
    return storeDisclosures(tx, principal, this.#requireSealer(), eventId, personal);
  }

  /** One statement: the row, and how long the oldest one has waited. `seq` has gaps, so `rows` may be too high, never too low. */
  async #insert(
    tx: Tx,
    principal: Principal,
    id: string,
    event: { kind: string; body: object; request?: string },
  ): Promise<{ rows: number; seconds: number }> {
    try {
      const [row] = await rows<{ rows: string; seconds: number }>(
        tx,
        `WITH oldest AS (SELECT seq, (event ->> 'time')::timestamptz AS at FROM audit_outbox ORDER BY seq LIMIT 1)
         INSERT INTO audit_outbox (event_id, tenant_id, event)
         SELECT $1, $2, jsonb_build_object('kind', $3::text, 'data', $4::jsonb, 'actor', $5::text, 'time', clock_timestamp())
           || CASE WHEN $6::text IS NULL THEN '{}' ELSE jsonb_build_object('requestid', $6::text) END
         RETURNING seq - coalesce((SELECT seq FROM oldest), seq) AS rows,
                   coalesce(extract(epoch FROM clock_timestamp() - (SELECT at FROM oldest)), 0)::float8 AS seconds`,
        [id, principal.tenantId, event.kind, JSON.stringify(event.body), principal.actorId, event.request ?? null],
      );
      return { rows: Number(row!.rows), seconds: row!.seconds };
    } catch (cause) {
      // Class 40 (deadlock, serialization) is for whoever may run the transaction again.
      if (String((cause as { code?: unknown }).code).startsWith('40')) throw cause;
      throw new LogUnavailableError('The audit record could not be written, so nothing was done. Try again in a minute.', {
        cause,
      });
    }
  }
}
