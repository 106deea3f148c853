import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsentService } from '#consent';
import type { Db } from '#db';
import type { Principal } from '#kernel';

/**
 * Ends a person's consent, whatever became of it, and destroys the key. The registry drops the person's rows in a job of its own: this
 * returns only after it. Safe to repeat.
 * @param carryOn runs the jobs that wait, where no worker does
 */
export async function forgetPerson(
  consents: ConsentService,
  db: Db,
  principal: Principal,
  { subject, consent }: { readonly subject: string; readonly consent: string | undefined },
  carryOn: () => Promise<unknown>,
): Promise<void> {
  const state = consent === undefined ? undefined : (await consents.get(principal, consent)).state;
  if (state === 'given' || state === 'paused') await consents.withdraw(principal, consent!);
  else if (state === 'requested') await consents.abandon(principal, consent!);
  await consents.eraseSubject(principal, subject);
  await carryOn();
  for (let patience = 100; patience > 0; patience--) {
    const open = await db.query(
      `SELECT 1 FROM jobs WHERE subject_id = $1 AND kind = 'consent.propagate' AND finished_at IS NULL`,
      [subject],
    );
    if (open.length === 0) return;
    await sleep(100);
  }
  throw new Error('the erasure was not carried to every room within 10 s');
}
