import { createHash, hkdfSync } from 'node:crypto';
import { type Db, rows } from '#db';
import { DomainError, type Principal } from '#kernel';
import { seal, unseal } from '#keys';
import type { IdempotencyRow } from './access.entities.ts';

export class IdempotencyKeyReusedError extends DomainError {
  override readonly problem = {
    slug: 'idempotency-key-reused',
    status: 422,
    title: 'This Idempotency-Key was sent with another request',
  } as const;
}

export class IdempotencyInProgressError extends DomainError {
  override readonly problem = {
    slug: 'idempotency-in-progress',
    status: 409,
    title: 'The first request with this Idempotency-Key is not done',
  } as const;
}

/** What a repeated request gets again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** One request as its key names it. Another tenant, actor or route with the same key is another request. */
export interface IdempotentRequest {
  readonly principal: Principal;
  readonly route: string;
  readonly key: string;
  /** The caller's own token: seals the answer, which may hold a name or a new key. */
  readonly token: string;
  /** Everything that makes the request what it is: path parameters, query, body. */
  readonly content: string;
}

const KEPT_HOURS = 24;
/**
 * How long a request may be in progress. A process that died in it leaves the row locked until then; the next try takes over and runs
 * again, so after a crash between effect and answer (milliseconds) the effect may come twice. No handler of a JSON route runs this long.
 */
const LOCK_SECONDS = 60;

/**
 * Answers of the last 24 hours, by `Idempotency-Key` (case OP-03). The row is taken before the work and answered after it; the unique key
 * is what lets only one of fifty at once through. A refusal gives the row back: it changed nothing, and the next try may fare better.
 */
export class Idempotency {
  constructor(private readonly db: Db) {}

  /**
   * Takes the key for this request, or returns what was answered before.
   * @throws IdempotencyKeyReusedError, IdempotencyInProgressError
   */
  async begin(request: IdempotentRequest): Promise<KeptAnswer | undefined> {
    const place = placeOf(request);
    const sha256 = contentHash(request);
    return this.db.tx(async (tx) => {
      await rows(tx, `DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - make_interval(hours => $1)`, [
        KEPT_HOURS,
      ]);
      const taken = await rows(
        tx,
        `INSERT INTO idempotency_keys (tenant_id, actor_id, route, key, request_sha256, locked_until)
         VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
         ON CONFLICT (tenant_id, actor_id, route, key) DO UPDATE
           SET locked_until = excluded.locked_until, request_sha256 = excluded.request_sha256
           WHERE idempotency_keys.status IS NULL AND idempotency_keys.locked_until < clock_timestamp()
         RETURNING key`,
        [...place, sha256, LOCK_SECONDS],
      );
      if (taken.length > 0) return undefined;
      const [row] = await rows<IdempotencyRow>(
        tx,
        'SELECT * FROM idempotency_keys WHERE tenant_id = $1 AND actor_id = $2 AND route = $3 AND key = $4',
        place,
      );
      // Given back between our two questions: the same as still in progress, for whoever asks again in a second.
      if (!row) throw inProgress();
      if (row.request_sha256 !== sha256)
        throw new IdempotencyKeyReusedError('Send a new Idempotency-Key with a new request; repeat the old one unchanged.');
      if (row.status === null || row.sealed === null) throw inProgress();
      return JSON.parse(unseal(sealingKey(request), row.sealed, place.join('|')).toString()) as KeptAnswer;
    });
  }

  async complete(request: IdempotentRequest, answer: KeptAnswer): Promise<void> {
    const place = placeOf(request);
    const sealed = seal(sealingKey(request), Buffer.from(JSON.stringify(answer)), place.join('|'));
    await this.db.query(
      'UPDATE idempotency_keys SET status = $5, sealed = $6 WHERE tenant_id = $1 AND actor_id = $2 AND route = $3 AND key = $4',
      [...place, answer.status, sealed],
    );
  }

  /** The request was refused or failed: nothing to repeat. */
  async release(request: IdempotentRequest): Promise<void> {
    await this.db.query(
      'DELETE FROM idempotency_keys WHERE tenant_id = $1 AND actor_id = $2 AND route = $3 AND key = $4 AND status IS NULL',
      placeOf(request),
    );
  }
}

const inProgress = (): IdempotencyInProgressError =>
  new IdempotencyInProgressError('Wait a second and send it again: you will get the answer of the first one.', {
    retry_after: 1,
  });

const placeOf = ({ principal, route, key }: IdempotentRequest): string[] => [principal.tenantId, principal.actorId, route, key];
const contentHash = ({ content }: IdempotentRequest): string => createHash('sha256').update(content).digest('hex');

/** The database holds only a keyed hash of the token, so a copy of the database, even with the key store, opens no answer. */
const sealingKey = ({ token }: IdempotentRequest): Buffer => Buffer.from(hkdfSync('sha256', token, '', 'assent/idempotency', 32));
