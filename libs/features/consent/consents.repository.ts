import { rows } from '#db';
import { type Tx, NotFoundError, newId } from '#kernel';
import type { ConsentRow } from './consent.entities.ts';
import type { ConsentState } from './consent.states.ts';

/** How a read holds the row until its transaction ends. */
export type RowLock = 'share' | 'update';

export const consentsRepository = {
  /** A foreign tenant's consent is not found: the two must look the same. */
  async get(tx: Tx, tenantId: string, id: string, lock?: RowLock): Promise<ConsentRow> {
    const clause = lock === 'share' ? 'FOR SHARE' : lock === 'update' ? 'FOR UPDATE' : '';
    const [row] = await rows<ConsentRow>(tx, `SELECT * FROM consents WHERE tenant_id = $1 AND id = $2 ${clause}`, [tenantId, id]);
    if (!row) throw new NotFoundError('There is no consent with this id.');
    return row;
  },

  async insert(
    tx: Tx,
    row: Pick<
      ConsentRow,
      | 'id'
      | 'tenant_id'
      | 'subject_id'
      | 'state'
      | 'purposes'
      | 'scope'
      | 'request'
      | 'status_token'
      | 'valid_until'
      | 'zone'
      | 'assurance'
    >,
  ): Promise<void> {
    await rows(
      tx,
      `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        row.id,
        row.tenant_id,
        row.subject_id,
        row.state,
        row.purposes,
        JSON.stringify(row.scope),
        JSON.stringify(row.request),
        row.status_token,
        row.valid_until,
        row.zone,
        row.assurance,
      ],
    );
  },

  /** Writes the new state and the event that says who caused it. The caller has checked the transition under the row lock. */
  async move(tx: Tx, row: ConsentRow, to: ConsentState, actorId: string, ended: boolean): Promise<void> {
    await rows(
      tx,
      `UPDATE consents SET state = $3, ended_at = CASE WHEN $4 THEN now() ELSE ended_at END WHERE tenant_id = $1 AND id = $2`,
      [row.tenant_id, row.id, to, ended],
    );
    await rows(
      tx,
      `INSERT INTO consent_events (id, tenant_id, consent_id, from_state, to_state, actor_id) VALUES ($1, $2, $3, $4, $5, $6)`,
      [newId(), row.tenant_id, row.id, row.state, to, actorId],
    );
  },

  async attachRecord(
    tx: Tx,
    row: ConsentRow,
    evidence: { uploadId: string; record: string; sha256: string; receipt: string; assurance: string },
  ): Promise<void> {
    await rows(
      tx,
      `UPDATE consents SET evidence_upload_id = $3, record = $4, record_sha256 = $5, receipt = $6, assurance = $7 WHERE tenant_id = $1 AND id = $2`,
      [row.tenant_id, row.id, evidence.uploadId, evidence.record, evidence.sha256, evidence.receipt, evidence.assurance],
    );
  },

  async findByStatusToken(tx: Tx, token: string): Promise<ConsentRow | undefined> {
    const [row] = await rows<ConsentRow>(tx, 'SELECT * FROM consents WHERE status_token = $1', [token]);
    return row;
  },

  /** The database's clock decides what has expired: an application server's clock may be a day off. */
  async now(tx: Tx): Promise<Date> {
    const [row] = await rows<{ now: Date }>(tx, 'SELECT clock_timestamp() AS now');
    return row!.now;
  },

  async ofSubject(tx: Tx, tenantId: string, subjectId: string): Promise<ConsentRow[]> {
    return rows<ConsentRow>(tx, 'SELECT * FROM consents WHERE tenant_id = $1 AND subject_id = $2 ORDER BY id FOR UPDATE', [
      tenantId,
      subjectId,
    ]);
  },
};
