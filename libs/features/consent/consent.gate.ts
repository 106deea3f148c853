import type { ConsentRow } from './consent.entities.ts';
import {
  ConsentExpiredError,
  ConsentNotGivenError,
  ConsentPausedError,
  ConsentScopeError,
  ConsentWithdrawnError,
} from './consent.errors.ts';
import type { Purpose } from './consent.schema.ts';

/** What somebody wants to do with the likeness, held against the record. */
export interface ConsentUse {
  readonly purpose: Purpose;
  /** The subject whose footage or replica is used; a consent of another person covers nothing. */
  readonly subjectId: string;
}

/**
 * The gate's rule, apart from the lock: a pure function of the row and the database's time, so that a test can walk every case.
 * @throws one of the five consent refusals, each with what to do next.
 */
export function requireUse(row: ConsentRow, use: ConsentUse, now: Date): void {
  switch (row.state) {
    case 'given':
      break;
    case 'paused':
      throw new ConsentPausedError('The person has paused this consent. Only the person can resume it.');
    case 'withdrawn':
    case 'revoked':
    case 'invalidated':
    case 'superseded':
      throw new ConsentWithdrawnError('This consent has ended. Ask the person for a new one.', { state: row.state });
    case 'expired':
      throw new ConsentExpiredError('This consent has expired. Ask the person to renew it.');
    default:
      throw new ConsentNotGivenError(
        'The person has not given this consent yet. Send the consent link and wait for the receipt.',
        { state: row.state },
      );
  }
  if (row.valid_until.getTime() < now.getTime()) {
    throw new ConsentExpiredError(`This consent ended at ${row.valid_until.toISOString()}. Ask the person to renew it.`);
  }
  if (row.subject_id !== use.subjectId)
    throw new ConsentScopeError('This consent is of another subject. Name the consent of the person in the footage.');
  if (!row.purposes.includes(use.purpose)) {
    throw new ConsentScopeError(`The person did not agree to "${use.purpose}". Agreed: ${row.purposes.join(', ')}.`, {
      purpose: use.purpose,
      agreed: row.purposes,
    });
  }
}
