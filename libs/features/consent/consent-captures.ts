import { randomInt } from 'node:crypto';
import { rows } from '#db';
import { type Tx, DomainError, newId } from '#kernel';

/** How long a code may be spoken after it was shown, and how often a person may try. */
export const CAPTURE_MINUTES = 10;
export const MAX_ATTEMPTS = 5;

/** One tab's go at the evidence: a fresh code, a time window, one clip. */
export interface CaptureRow {
  id: string;
  tenant_id: string;
  consent_id: string;
  digits: string;
  created_at: Date;
  expires_at: Date;
  /** When a clip was handed in for it; a code serves once. */
  used_at: Date | null;
}

/** Another tab or phone is recording for the same consent. */
export class CaptureInProgressError extends DomainError {
  override readonly problem = { slug: 'capture-in-progress', status: 409, title: 'A recording is running elsewhere' } as const;
}
/** The code is too old, was replaced by a newer one, or served before. */
export class ChallengeExpiredError extends DomainError {
  override readonly problem = { slug: 'challenge-expired', status: 409, title: 'The code is no longer valid' } as const;
}
export class ChallengeCodeError extends DomainError {
  override readonly problem = { slug: 'challenge-code-wrong', status: 422, title: 'The code does not match' } as const;
}
/** Five failed tries end a request: an endless oracle would help only an attacker. */
export class AttemptsSpentError extends DomainError {
  override readonly problem = { slug: 'consent-attempts-spent', status: 409, title: 'No tries are left' } as const;
}

/** All under the lock of the consent row, which every caller holds FOR UPDATE. */
export const consentCaptures = {
  /** The capture that is open now, by the database's clock. */
  async open(tx: Tx, consentId: string): Promise<CaptureRow | undefined> {
    const [row] = await rows<CaptureRow>(
      tx,
      `SELECT * FROM consent_captures WHERE consent_id = $1 AND used_at IS NULL AND expires_at > clock_timestamp()
       ORDER BY id DESC LIMIT 1`,
      [consentId],
    );
    return row;
  },

  /** Starts one; whatever was open before is void, so that two tabs never both count. */
  async start(tx: Tx, tenantId: string, consentId: string): Promise<CaptureRow> {
    await rows(tx, `UPDATE consent_captures SET expires_at = clock_timestamp() WHERE consent_id = $1 AND used_at IS NULL AND expires_at > clock_timestamp()`, [consentId]); // prettier-ignore
    const digits = String(randomInt(1_000_000)).padStart(6, '0');
    const [row] = await rows<CaptureRow>(
      tx,
      `INSERT INTO consent_captures (id, tenant_id, consent_id, digits, created_at, expires_at)
       VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp() + make_interval(mins => $5)) RETURNING *`,
      [newId(), tenantId, consentId, digits, CAPTURE_MINUTES],
    );
    return row!;
  },

  /** @throws ChallengeExpiredError */
  async use(tx: Tx, consentId: string, id: string): Promise<CaptureRow> {
    const [row] = await rows<CaptureRow>(
      tx,
      `UPDATE consent_captures SET used_at = clock_timestamp()
       WHERE id = $1 AND consent_id = $2 AND used_at IS NULL AND expires_at > clock_timestamp() RETURNING *`,
      [id, consentId],
    );
    if (!row)
      throw new ChallengeExpiredError(
        'This code is too old or was replaced by a newer one. Ask for a new code and record again.',
      );
    return row;
  },
};
