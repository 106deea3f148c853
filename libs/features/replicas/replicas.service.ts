import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, type Tx, DomainError, NotFoundError } from '#kernel';
import { ErasedError } from '#keys';
import type { ReplicaRow } from './replicas.entities.ts';
import { type ReplicaState, replicaTransitions } from './replicas.states.ts';

export class ReplicaNotActiveError extends DomainError {
  override readonly problem = { slug: 'replica-not-active', status: 409, title: 'The replica cannot be used now' } as const;
}

/** The consent is not in force: nothing that shows the person is given out. */
export class LikenessWithheldError extends DomainError {
  override readonly problem: { slug: string; status: number; title: string };
  constructor(slug: string, status: number, detail: string) {
    super(detail);
    this.problem = { slug, status, title: 'The consent is not in force' };
  }
}

export class ReplicasService {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
  ) {}

  /** Called in the transaction that seals a training. */
  async insert(tx: Tx, principal: Principal, row: Omit<ReplicaRow, 'created_at'>): Promise<void> {
    await rows(
      tx,
      `INSERT INTO replicas (id, tenant_id, subject_id, consent_id, training_id, state, object_id, drive_object_id, card_object_id, sha256, manifest)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        row.id,
        row.tenant_id,
        row.subject_id,
        row.consent_id,
        row.training_id,
        row.state,
        row.object_id,
        row.drive_object_id,
        row.card_object_id,
        row.sha256,
        JSON.stringify(row.manifest),
      ],
    );
    await this.audit.append(tx, principal, {
      kind: 'replica.created',
      data: { replicaId: row.id, consentId: row.consent_id, subjectId: row.subject_id, sha256: row.sha256 },
    });
  }

  async get(tenantId: string, id: string): Promise<ReplicaRow> {
    const [row] = await this.db.query<ReplicaRow>('SELECT * FROM replicas WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no replica with this id.');
    return row;
  }

  /** One page, newest first: the ids after `after`. */
  async list(
    tenantId: string,
    filter: { state?: ReplicaState | undefined; subjectId?: string | undefined; after?: string | undefined; limit: number },
  ): Promise<ReplicaRow[]> {
    return this.db.query<ReplicaRow>(
      `SELECT * FROM replicas WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR subject_id = $3)
         AND ($4::uuid IS NULL OR id < $4) ORDER BY id DESC LIMIT $5`,
      [tenantId, filter.state ?? null, filter.subjectId ?? null, filter.after ?? null, filter.limit],
    );
  }

  /**
   * The replica, if a likeness of it may be shown now: its person is not erased and its consent is in force, by their own rows.
   * @throws ErasedError, LikenessWithheldError
   */
  async requireShowable(tenantId: string, id: string): Promise<ReplicaRow> {
    const replica = await this.get(tenantId, id);
    const [now] = await this.db.query<{ subject: string; consent: string; current: boolean }>(
      `SELECT s.state AS subject, c.state AS consent, c.valid_until >= clock_timestamp() AS current
       FROM subjects s, consents c WHERE s.tenant_id = $1 AND s.id = $2 AND c.tenant_id = $1 AND c.id = $3`,
      [tenantId, replica.subject_id, replica.consent_id],
    );
    if (now?.subject !== 'active') throw new ErasedError('The person of this replica was erased.');
    if (now.consent === 'paused') throw new LikenessWithheldError('consent-paused', 403, 'The person has paused the consent.');
    if (now.consent !== 'given') throw new LikenessWithheldError('consent-withdrawn', 410, 'The consent has ended.');
    if (!now.current) throw new LikenessWithheldError('consent-expired', 410, 'The consent has expired.');
    return replica;
  }

  /** Locks the row and refuses unless it may be rendered. */
  async requireActive(tx: Tx, tenantId: string, id: string): Promise<ReplicaRow> {
    const [row] = await rows<ReplicaRow>(tx, 'SELECT * FROM replicas WHERE tenant_id = $1 AND id = $2 FOR SHARE', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no replica with this id.');
    if (row.state !== 'active')
      throw new ReplicaNotActiveError(`This replica is ${row.state}. Only an active one can be rendered.`, { state: row.state });
    return row;
  }

  /** Follows its consent: paused → restricted, resumed → active, ended → sealed. */
  async followConsent(tx: Tx, principal: Principal, consentId: string, state: string): Promise<void> {
    const found = await rows<ReplicaRow>(
      tx,
      'SELECT * FROM replicas WHERE tenant_id = $1 AND consent_id = $2 ORDER BY id FOR UPDATE',
      [principal.tenantId, consentId],
    );
    for (const row of found) {
      if (state === 'paused' && row.state === 'active')
        await this.#move(tx, principal, row, ['restricted'], 'replica.restricted');
      else if (state === 'given' && row.state === 'restricted')
        await this.#move(tx, principal, row, ['active'], 'replica.resumed');
      else if (state !== 'paused' && state !== 'given' && replicaTransitions.allows(row.state, 'retiring')) {
        await this.#move(tx, principal, row, ['retiring', 'sealed'], 'replica.sealed');
      }
    }
  }

  async #move(
    tx: Tx,
    principal: Principal,
    row: ReplicaRow,
    path: readonly ReplicaState[],
    kind: 'replica.restricted' | 'replica.resumed' | 'replica.sealed',
  ): Promise<void> {
    let from = row.state;
    for (const to of path) {
      replicaTransitions.require(from, to);
      from = to;
    }
    await rows(tx, 'UPDATE replicas SET state = $3 WHERE tenant_id = $1 AND id = $2', [row.tenant_id, row.id, from]);
    await this.audit.append(tx, principal, { kind, data: { replicaId: row.id } });
  }
}
