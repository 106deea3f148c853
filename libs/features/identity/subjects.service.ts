import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, type Tx, NotFoundError, newId } from '#kernel';
import { ErasedError, type KeyStore } from '#keys';
import type { Objects } from '#storage';
import type { SubjectRow } from './identity.entities.ts';
import type { SubjectMatch } from './subject-match.ts';
import { FACE_MATCH } from '#inference';

/** Subjects are pseudonyms: an id, a key, a state. Names live in no table. */
export class SubjectsService {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly keys: KeyStore,
    private readonly objects: Objects,
  ) {}

  /** Key first: a subject row always has its key; a key without a row is harmless. */
  async create(principal: Principal): Promise<SubjectRow> {
    const id = newId();
    await this.keys.createSubjectKey(principal.tenantId, id);
    await this.db.tx(async (tx) => {
      await rows(tx, `INSERT INTO subjects (id, tenant_id, state) VALUES ($1, $2, 'active')`, [id, principal.tenantId]);
      await this.audit.append(tx, principal, { kind: 'subject.created', data: { subjectId: id } });
      await this.audit.append(tx, principal, { kind: 'key.created', data: { subjectId: id, purpose: 'subject-data' } });
    });
    return this.get(principal.tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<SubjectRow> {
    const [row] = await this.db.query<SubjectRow>('SELECT * FROM subjects WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
    if (!row) throw new NotFoundError('There is no subject with this id.');
    return row;
  }

  /** First half of an erasure, in the caller's transaction: from its commit on nobody may add to this subject. */
  async beginErasure(tx: Tx, tenantId: string, id: string): Promise<void> {
    const found = await rows(
      tx,
      `UPDATE subjects SET state = 'erasing' WHERE tenant_id = $1 AND id = $2 AND state <> 'erased' RETURNING id`,
      [tenantId, id],
    );
    if (found.length === 0) throw new ErasedError('This subject was erased before.');
  }

  /**
   * Second half: shreds the key, removes the objects, records both. Every step can be repeated, so a crash is finished by calling it
   * again. After the key is gone nothing of the subject can be read, whatever database copy somebody restores.
   */
  async finishErasure(principal: Principal, id: string): Promise<void> {
    await this.keys.destroySubjectKey(principal.tenantId, id);
    const removed = await this.objects.deleteSubject(principal.tenantId, id);
    await this.db.tx(async (tx) => {
      const found = await rows(
        tx,
        `UPDATE subjects SET state = 'erased', erased_at = now() WHERE tenant_id = $1 AND id = $2 AND state = 'erasing' RETURNING id`,
        [principal.tenantId, id],
      );
      if (found.length === 0) return;
      await this.audit.append(tx, principal, { kind: 'key.destroyed', data: { subjectId: id, purpose: 'subject-data' } });
      await this.audit.append(tx, principal, { kind: 'subject.erased', data: { subjectId: id, objects: removed } });
    });
  }

  /** Erasures that a crash left half-done. */
  async erasing(): Promise<SubjectRow[]> {
    return this.db.query<SubjectRow>(`SELECT * FROM subjects WHERE state = 'erasing'`);
  }

  /** Keeps what the gate saw: scores with their thresholds and the model that gave them. */
  async recordMatch(
    tx: Tx,
    principal: Principal,
    ids: { consentId: string; trainingId: string },
    match: SubjectMatch,
  ): Promise<void> {
    await rows(
      tx,
      `INSERT INTO identity_matches (id, tenant_id, consent_id, training_id, band, score, accept_at, refuse_below, tracks, model_sha256)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        newId(),
        principal.tenantId,
        ids.consentId,
        ids.trainingId,
        match.band,
        match.score,
        FACE_MATCH.accept,
        FACE_MATCH.refuse,
        JSON.stringify(match.tracks),
        match.modelSha256,
      ],
    );
    await this.audit.append(tx, principal, {
      kind: 'identity.matched',
      data: { ...ids, band: match.band, score: match.score, modelSha256: match.modelSha256 },
    });
  }
}
