import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import { type Principal, type Tx, NotFoundError, newId } from '#kernel';
import { ErasedError, type KeyStore, seal, unseal } from '#keys';
import type { Objects } from '#storage';
import type { SubjectRow } from './identity.entities.ts';
import type { SubjectMatch } from './subject-match.ts';
import { FACE_MATCH } from '#inference';

/** A new subject, before it has an id. */
export interface NewSubject {
  /** As `personName` made it. */
  readonly name?: string | undefined;
}

/** A row without its sealed parts: what lists and answers are made of. */
export type SubjectInfo = Omit<SubjectRow, 'sealed_name' | 'name_key'>;
const INFO = 'id, tenant_id, state, created_at, erased_at';

/** Subjects are pseudonyms: an id, a key, a state. A name, where one was given, is sealed under the subject's key and gone with it. */
export class SubjectsService {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly keys: KeyStore,
    private readonly objects: Objects,
  ) {}

  /** Key first: a subject row always has its key; a key without a row is harmless. */
  async create(principal: Principal, { name }: NewSubject = {}): Promise<SubjectInfo> {
    const id = newId();
    await this.keys.createSubjectKey(principal.tenantId, id);
    const sealed = name === undefined ? undefined : await this.#sealName(principal.tenantId, id, name);
    await this.db.tx(async (tx) => {
      await rows(tx, `INSERT INTO subjects (id, tenant_id, state, sealed_name, name_key) VALUES ($1, $2, 'active', $3, $4)`, [
        id,
        principal.tenantId,
        sealed?.name ?? null,
        sealed?.key ?? null,
      ]);
      await this.audit.append(tx, principal, { kind: 'subject.created', data: { subjectId: id } });
      await this.audit.append(tx, principal, { kind: 'key.created', data: { subjectId: id, purpose: 'subject-data' } });
    });
    return this.get(principal.tenantId, id);
  }

  async get(tenantId: string, id: string): Promise<SubjectInfo> {
    const [row] = await this.db.query<SubjectInfo>(`SELECT ${INFO} FROM subjects WHERE tenant_id = $1 AND id = $2`, [
      tenantId,
      id,
    ]);
    if (!row) throw new NotFoundError('There is no subject with this id.');
    return row;
  }

  /** One page, newest first; ids are in order of time. `after` is the last id of the page before. */
  async list(tenantId: string, page: { limit: number; after?: string | undefined }): Promise<SubjectInfo[]> {
    return this.db.query<SubjectInfo>(
      `SELECT ${INFO} FROM subjects WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
      [tenantId, page.after ?? null, page.limit],
    );
  }

  /** The person's name; null where none was given, or where it was erased. */
  async nameOf(tenantId: string, id: string): Promise<string | null> {
    return (await this.names(tenantId, [id])).get(id) ?? null;
  }

  /** Names of one page of subjects, with one question. Who has none, or was erased, is not in the map. */
  async names(tenantId: string, ids: readonly string[]): Promise<Map<string, string>> {
    const found = await this.db.query<Pick<SubjectRow, 'id' | 'sealed_name' | 'name_key'>>(
      `SELECT id, sealed_name, name_key FROM subjects WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND sealed_name IS NOT NULL`,
      [tenantId, ids],
    );
    const names = new Map<string, string>();
    for (const { id, sealed_name, name_key } of found) {
      try {
        const key = await this.keys.openObjectKey(tenantId, id, nameObject(id), name_key!);
        names.set(id, unseal(key, sealed_name!, nameObject(id)).toString());
        key.fill(0);
      } catch (error) {
        if (!(error instanceof ErasedError)) throw error; // a restored copy of the table: the key is gone, and so is the name
      }
    }
    return names;
  }

  async #sealName(tenantId: string, id: string, name: string): Promise<{ name: Buffer; key: Buffer }> {
    const { key, wrapped } = await this.keys.newObjectKey(tenantId, id, nameObject(id));
    const sealed = seal(key, Buffer.from(name), nameObject(id));
    key.fill(0);
    return { name: sealed, key: wrapped };
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
        `UPDATE subjects SET state = 'erased', erased_at = now(), sealed_name = NULL, name_key = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'erasing' RETURNING id`,
        [principal.tenantId, id],
      );
      if (found.length === 0) return;
      await this.audit.append(tx, principal, { kind: 'key.destroyed', data: { subjectId: id, purpose: 'subject-data' } });
      await this.audit.append(tx, principal, { kind: 'subject.erased', data: { subjectId: id, objects: removed } });
    });
  }

  /** Erasures that a crash left half-done. */
  async erasing(): Promise<SubjectInfo[]> {
    return this.db.query<SubjectInfo>(`SELECT ${INFO} FROM subjects WHERE state = 'erasing'`);
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

/** A name is bound to its subject: moved to another row it opens nothing. */
const nameObject = (subjectId: string): string => `name|${subjectId}`;
