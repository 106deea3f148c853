import { type Db, rows } from '#db';
import type { Tx } from '#kernel';
import { ErasedError, type KeyStore, seal, unseal } from '#keys';

export interface NewMark {
  /** The 64-bit watermark id, 16 hex digits. */
  readonly id: string;
  readonly tenantId: string;
  readonly subjectId: string;
  readonly kid: string;
  readonly renderId: string;
  /** The signed row, as it is exported. */
  readonly row: string;
}

interface SealedMark {
  id: string;
  tenant_id: string;
  subject_id: string;
  wrapped_key: Buffer;
  sealed: Buffer;
}

const COLUMNS = 'id, tenant_id, subject_id, wrapped_key, sealed';

/**
 * What a watermark leads to: signed rows with small grey pictures of a person. A likeness, so each row lies sealed under the key of that
 * person (DESIGN rule 6): once the key is destroyed nobody can read it, in a restored backup neither.
 */
export class MarkRegistry {
  constructor(
    private readonly db: Db,
    private readonly keys: KeyStore,
  ) {}

  /** In the transaction that publishes. @throws ErasedError */
  async put(tx: Tx, mark: NewMark): Promise<void> {
    const { key, wrapped } = await this.keys.newObjectKey(mark.tenantId, mark.subjectId, mark.id);
    const sealed = seal(key, Buffer.from(mark.row), contextOf(mark.tenantId, mark.subjectId, mark.id));
    key.fill(0);
    await rows(
      tx,
      `INSERT INTO marks (id, tenant_id, subject_id, kid, render_id, wrapped_key, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [mark.id, mark.tenantId, mark.subjectId, mark.kid, mark.renderId, wrapped, sealed],
    );
  }

  /** Rows of a tenant, or of one of its renders, oldest first. Ask for no more than you need. */
  async list(tenantId: string, renderId?: string): Promise<string[]> {
    return this.#open(
      await this.db.query<SealedMark>(
        `SELECT ${COLUMNS} FROM marks WHERE tenant_id = $1 AND ($2::uuid IS NULL OR render_id = $2) ORDER BY created_at, id`,
        [tenantId, renderId ?? null],
      ),
    );
  }

  /** Rows by watermark id, whoever's they are: for the verification that anybody may ask for. */
  async find(ids: readonly string[]): Promise<string[]> {
    const wellFormed = ids.filter((id) => /^[0-9a-f]{16}$/.test(id));
    if (wellFormed.length === 0) return [];
    return this.#open(await this.db.query<SealedMark>(`SELECT ${COLUMNS} FROM marks WHERE id = ANY($1)`, [wellFormed]));
  }

  /** Part of erasing a person: unreadable rows say nothing, so they go. */
  async forget(tx: Tx, tenantId: string, consentId: string): Promise<void> {
    await rows(tx, 'DELETE FROM marks WHERE tenant_id = $1 AND render_id IN (SELECT id FROM renders WHERE consent_id = $2)', [
      tenantId,
      consentId,
    ]);
  }

  async #open(found: readonly SealedMark[]): Promise<string[]> {
    const opened = await Promise.all(found.map((mark) => this.#openOne(mark)));
    return opened.filter((row) => row !== undefined);
  }

  /** Undefined: the person was erased, and the row is on its way. */
  async #openOne(mark: SealedMark): Promise<string | undefined> {
    try {
      const key = await this.keys.openObjectKey(mark.tenant_id, mark.subject_id, mark.id, mark.wrapped_key);
      const row = unseal(key, mark.sealed, contextOf(mark.tenant_id, mark.subject_id, mark.id)).toString();
      key.fill(0);
      return row;
    } catch (error) {
      if (error instanceof ErasedError) return undefined;
      throw error;
    }
  }
}

const contextOf = (tenantId: string, subjectId: string, id: string): string => `mark|${tenantId}|${subjectId}|${id}`;
