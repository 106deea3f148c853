import { randomUUID } from 'node:crypto';
import type { Db } from '#db';
import { type Principal, newId } from '#kernel';
import { NoteSigner } from '#tlog';
import type { AuditEvent } from './audit.events.ts';
import { Audit } from './audit.ts';
import type { LogIdentity } from './log-reader.ts';

export const OPERATOR: Principal = { tenantId: 'acme', actorId: 'key_7f3a', roles: ['operator'] };
export const OTHER: Principal = { tenantId: 'globex', actorId: 'key_99', roles: ['operator'] };

export const testSigner = (fill = 7): NoteSigner => new NoteSigner('assent.test/log', Buffer.alloc(32, fill));
export const identityOf = (signer: NoteSigner): LogIdentity => ({ origin: signer.name, verifierKey: signer.verifierKey });

/** Events of several kinds, in turn. */
export function someEvent(n: number): AuditEvent {
  const ids = { consentId: newId(), subjectId: newId() };
  const kinds: AuditEvent[] = [
    { kind: 'consent.requested', data: { ...ids, purposes: ['training', 'async_video'] } },
    { kind: 'consent.withdrawn', data: ids },
    { kind: 'training.started', data: { trainingId: newId(), epoch: n } },
    { kind: 'render.quarantined', data: { renderId: newId(), slug: 'watermark-not-readable' } },
    { kind: 'identity.matched', data: { consentId: randomUUID(), trainingId: randomUUID(), band: 'accept', score: 0.71 + n / 1e4, modelSha256: 'ab'.repeat(32) } }, // prettier-ignore
  ];
  return kinds[n % kinds.length]!;
}

/** Appends `count` events in transactions of `perTx`. Returns their ids in order. */
export async function appendSome(db: Db, count: number, perTx = 50, principal = OPERATOR): Promise<string[]> {
  const audit = new Audit();
  const ids: string[] = [];
  for (let at = 0; at < count; at += perTx)
    await db.tx(async (tx) => {
      for (let i = at; i < Math.min(at + perTx, count); i++) ids.push(await audit.append(tx, principal, someEvent(i)));
    });
  return ids;
}
