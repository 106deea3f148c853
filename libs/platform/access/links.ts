import { randomBytes } from 'node:crypto';
import { type Db, rows } from '#db';
import { type LinkPurpose, type Principal, type Tx, newId } from '#kernel';
import type { KeyStore } from '#keys';
import type { LinkRow } from './access.entities.ts';
import { LinkExpiredError, LinkUsedError, UnauthenticatedError } from './access.errors.ts';
import { newToken, parseToken, tokenHash, tokenMatches } from './tokens.ts';

export type { LinkPurpose } from '#kernel';

export interface NewLink {
  readonly subjectId: string;
  readonly consentId: string;
  readonly purpose: LinkPurpose;
  readonly expiresAt: Date;
}

/**
 * Links that a person acts through: one purpose, one consent, one term. The token stands in the fragment of a page's address
 * (`/consent/#asl_…`), which browsers send to nobody: no log, proxy or referrer sees it.
 */
export class Links {
  #hashKey: Promise<Buffer> | undefined;

  constructor(
    private readonly db: Db,
    private readonly keys: KeyStore,
  ) {}

  /** In the caller's transaction, with the event of what the link is for. The token is in the answer and nowhere else. */
  async issue(tx: Tx, principal: Principal, link: NewLink): Promise<{ id: string; token: string; expiresAt: Date }> {
    const id = newId();
    const { token, prefix } = newToken('asl');
    const hash = tokenHash(await this.#key(), token);
    await rows(
      tx,
      `INSERT INTO links (id, tenant_id, subject_id, consent_id, purpose, prefix, token_hash, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [id, principal.tenantId, link.subjectId, link.consentId, link.purpose, prefix, hash, principal.actorId, link.expiresAt],
    );
    return { id, token, expiresAt: link.expiresAt };
  }

  /**
   * Who comes through this link, until it expires by the database's clock. A link that was answered still shows what became of it;
   * only `spend` refuses it. @throws UnauthenticatedError, LinkExpiredError
   */
  async authenticate(token: string): Promise<Principal> {
    const parsed = parseToken(token);
    if (parsed?.kind !== 'asl') throw new UnauthenticatedError();
    const [row] = await this.db.query<LinkRow & { expired: boolean }>(
      'SELECT *, expires_at <= clock_timestamp() AS expired FROM links WHERE prefix = $1',
      [parsed.prefix],
    );
    if (!tokenMatches(await this.#key(), token, row?.token_hash)) throw new UnauthenticatedError();
    if (row!.expired)
      throw new LinkExpiredError('This link has expired. Ask whoever sent it for a new one.', {
        expired_at: row!.expires_at.toISOString(),
      });
    const { id, tenant_id: tenantId, subject_id: subjectId, consent_id: consentId, purpose } = row!;
    return { tenantId, actorId: `subject:${subjectId}`, roles: ['subject'], link: { id, purpose, subjectId, consentId } };
  }

  /**
   * The answer was given: in the transaction that records it. Of two answers at once the second waits for the row and is refused.
   * @throws LinkUsedError
   */
  async spend(tx: Tx, linkId: string): Promise<void> {
    const found = await rows(
      tx,
      'UPDATE links SET spent_at = clock_timestamp() WHERE id = $1 AND spent_at IS NULL RETURNING id',
      [linkId],
    );
    if (found.length === 0)
      throw new LinkUsedError('An answer was given through this link before. Use the receipt to see, pause or withdraw it.');
  }

  #key(): Promise<Buffer> {
    return (this.#hashKey ??= this.keys.serviceSecret('links', () => randomBytes(32)));
  }
}
