import type { Audit } from '#audit';
import type { Db } from '#db';
import type { SubjectsService } from '#identity';
import { type Principal, type PublicUrl, type Tx, InvalidInputError, StateConflictError, newId, opaqueId } from '#kernel';
import type { Jobs } from '#queue';
import { type ConsentEvidence, buildRecord, recordBytes, recordEvent, sha256Hex } from './consent-record.ts';
import type { ConsentRow } from './consent.entities.ts';
import { type ConsentUse, requireUse } from './consent.gate.ts';
import { type Assurance, consentRequestSchema } from './consent.schema.ts';
import { type ConsentState, type PublicConsentStatus, consentTransitions, publicStatus } from './consent.states.ts';
import { consentsRepository as consents } from './consents.repository.ts';

/** Signs receipts with a key that serves nothing else. */
export interface ReceiptSigner {
  readonly kid: string;
  sign(payload: Uint8Array): Promise<string>;
}

/** What follows an ended or paused consent: replicas, jobs and renders hear of it through this job, written in the same transaction. */
export const CONSENT_CHANGED_JOB = 'consent.propagate';

/** How a change of state is called in the log. */
export type ConsentChange = 'consent.withdrawn' | 'consent.paused' | 'consent.resumed' | 'consent.refused' | 'consent.expired';

/** A clip that is offered as evidence, already stored under the subject's key. */
export interface EvidenceClip {
  readonly uploadId: string;
  readonly sha256: string;
  readonly facesSeen: number;
  readonly modelSha256: string;
  /** The code and time window that it was made in, when it was. */
  readonly captureId?: string;
  readonly typedCode?: boolean;
}

export class ConsentService {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly jobs: Jobs,
    private readonly receipts: ReceiptSigner,
    private readonly subjects: SubjectsService,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** Writes the request: notice shown, scope proposed, nothing agreed yet. */
  async request(principal: Principal, input: unknown, state: 'draft' | 'requested' = 'requested'): Promise<ConsentRow> {
    const parsed = consentRequestSchema.safeParse(input);
    if (!parsed.success) {
      throw new InvalidInputError('The consent request has faults.', parsed.error.issues.map((i) => ({ pointer: '/' + i.path.join('/'), detail: i.message }))); // prettier-ignore
    }
    const request = parsed.data;
    const id = newId();
    await this.db.tx(async (tx) => {
      await consents.insert(tx, {
        id,
        tenant_id: principal.tenantId,
        subject_id: request.subjectId,
        state,
        purposes: request.scope.purposes,
        scope: request.scope,
        request,
        status_token: opaqueId(),
        valid_until: request.validUntil,
        zone: request.zone,
        assurance: 'none',
      });
      await this.audit.append(tx, principal, {
        kind: 'consent.requested',
        data: { consentId: id, subjectId: request.subjectId, purposes: request.scope.purposes },
      });
    });
    return this.get(principal, id);
  }

  /**
   * The person gives the consent: the evidence is bound, the record is built and signed, and only then is the state `given`.
   * One transaction, so that a receipt without a consent, or a consent without its log entry, cannot exist.
   */
  async give(principal: Principal, id: string, clip: EvidenceClip, assurance: Assurance): Promise<ConsentRow> {
    await this.db.tx(async (tx) => {
      const row = await consents.get(tx, principal.tenantId, id, 'update');
      consentTransitions.require(row.state, 'evidence_pending');
      await consents.move(tx, row, 'evidence_pending', principal.actorId, false);
      await this.giveIn(tx, principal, id, clip, assurance);
    });
    return this.get(principal, id);
  }

  /** The last step, for a consent whose evidence waits: in the transaction of whoever checked that evidence. */
  async giveIn(tx: Tx, principal: Principal, id: string, clip: EvidenceClip, assurance: Assurance): Promise<void> {
    const row = await consents.get(tx, principal.tenantId, id, 'update');
    consentTransitions.require(row.state, 'given');
    const now = await consents.now(tx);
    const evidence: ConsentEvidence = {
      method: clip.captureId === undefined ? 'uploaded-clip' : 'challenged-clip',
      ...(clip.captureId === undefined
        ? {}
        : { capture_id: clip.captureId, code: clip.typedCode ? ('typed' as const) : ('shown' as const) }),
      clip_sha256: clip.sha256,
      assurance,
      faces_seen: clip.facesSeen,
      model_sha256: clip.modelSha256,
    };
    const record = buildRecord({
      recordId: id,
      principalId: row.subject_id,
      request: { ...row.request, scope: row.scope, validUntil: row.valid_until },
      noticeLocale: row.notice_locale,
      evidence,
      created: row.created_at,
      statusUrl: this.statusUrl(row),
      withdrawalUrl: `${this.publicUrl.base}/consent/`,
      events: [
        recordEvent('requested', row.created_at, principal.actorId, row.valid_until),
        recordEvent('given', now, principal.actorId, row.valid_until),
      ],
    });
    const bytes = recordBytes(record);
    const sha256 = sha256Hex(bytes);
    const receipt = await this.receipts.sign(bytes);
    await consents.attachRecord(tx, row, {
      uploadId: clip.uploadId,
      record: new TextDecoder().decode(bytes),
      sha256,
      receipt,
      assurance: assurance.level,
    });
    await consents.move(tx, row, 'given', principal.actorId, false);
    await this.audit.append(tx, principal, {
      kind: 'consent.given',
      data: {
        consentId: id,
        subjectId: row.subject_id,
        recordSha256: sha256,
        clipSha256: clip.sha256,
        assurance: assurance.level,
        purposes: row.purposes,
      },
    });
  }

  /**
   * The gate. Locks the consent row FOR SHARE until the caller's transaction ends: a withdrawal (FOR UPDATE) waits for the effect
   * or wins before it; there is no moment in between. Call it inside the transaction that commits the effect.
   */
  async require(tx: Tx, principal: Principal, id: string, use: ConsentUse): Promise<ConsentRow> {
    const row = await consents.get(tx, principal.tenantId, id, 'share');
    requireUse(row, use, await consents.now(tx));
    return row;
  }

  withdraw(principal: Principal, id: string): Promise<ConsentRow> {
    return this.change(principal, id, 'withdrawn', 'consent.withdrawn');
  }
  pause(principal: Principal, id: string): Promise<ConsentRow> {
    return this.change(principal, id, 'paused', 'consent.paused');
  }
  resume(principal: Principal, id: string): Promise<ConsentRow> {
    return this.change(principal, id, 'given', 'consent.resumed');
  }
  /** The person never gave it: the request ends without an answer. */
  abandon(principal: Principal, id: string): Promise<ConsentRow> {
    return this.change(principal, id, 'abandoned', 'consent.refused');
  }
  refuse(principal: Principal, id: string): Promise<ConsentRow> {
    return this.change(principal, id, 'refused', 'consent.refused');
  }

  /**
   * Erases a person: only after every consent has ended, so that nothing can still be running on it. @throws StateConflictError
   */
  async eraseSubject(principal: Principal, subjectId: string): Promise<void> {
    await this.db.tx(async (tx) => {
      const all = await consents.ofSubject(tx, principal.tenantId, subjectId);
      const open = all.filter((row) => !consentTransitions.isTerminal(row.state));
      if (open.length > 0)
        throw new StateConflictError('A consent of this person is still open. Withdraw it first.', {
          consents: open.map((row) => row.id),
        });
      // Whoever keeps something of this person outside the key's reach removes it.
      for (const row of all) {
        await this.jobs.enqueue(tx, {
          tenantId: principal.tenantId,
          kind: CONSENT_CHANGED_JOB,
          subjectId,
          requestId: principal.requestId,
          payload: { consentId: row.id, state: 'erased' },
        });
      }
      await this.subjects.beginErasure(tx, principal.tenantId, subjectId);
    });
    await this.subjects.finishErasure(principal, subjectId);
  }

  async get(principal: Principal, id: string): Promise<ConsentRow> {
    return this.db.tx((tx) => consents.get(tx, principal.tenantId, id));
  }

  /** One page, newest first. */
  list(
    principal: Principal,
    filter: { state?: string; subjectId?: string; only?: string; after?: string; limit: number },
  ): Promise<ConsentRow[]> {
    const { state = null, subjectId = null, only = null, after = null } = filter;
    return this.db.query<ConsentRow>(
      `SELECT * FROM consents WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR subject_id = $3)
         AND ($4::uuid IS NULL OR id = $4) AND ($5::uuid IS NULL OR id < $5) ORDER BY id DESC LIMIT $6`,
      [principal.tenantId, state, subjectId, only, after, filter.limit],
    );
  }

  /**
   * Ends every consent whose term is over, with its record and its followers. The gate does not wait for it: `require` compares the term
   * itself. Returns how many ended.
   */
  async expireDue(): Promise<number> {
    const due = await this.db.query<{ id: string; tenant_id: string }>(
      `SELECT id, tenant_id FROM consents WHERE state IN ('given', 'paused') AND valid_until < clock_timestamp() ORDER BY valid_until LIMIT 500`,
    );
    let ended = 0;
    for (const { id, tenant_id } of due) {
      try {
        await this.change({ tenantId: tenant_id, actorId: 'worker', roles: ['system'] }, id, 'expired', 'consent.expired');
        ended++;
      } catch (error) {
        if (!(error instanceof StateConflictError)) throw error; // withdrawn, or expired by another worker, in between
      }
    }
    return ended;
  }

  /** Public and without personal data: what a verifier may know about a status link. */
  async status(token: string): Promise<{ status: PublicConsentStatus; changedAt: string | null }> {
    return this.db.tx(async (tx) => {
      const row = await consents.findByStatusToken(tx, token);
      if (!row) return { status: 'unknown' as const, changedAt: null };
      return {
        status: publicStatus(row.state, row.valid_until, await consents.now(tx)),
        changedAt: row.ended_at?.toISOString() ?? null,
      };
    });
  }

  statusUrl(row: Pick<ConsentRow, 'status_token'>): string {
    return `${this.publicUrl.base}/v1/consents/${row.status_token}/status`;
  }

  private async change(principal: Principal, id: string, to: ConsentState, kind: ConsentChange): Promise<ConsentRow> {
    await this.db.tx(async (tx) => this.endIn(tx, principal, await consents.get(tx, principal.tenantId, id, 'update'), to, kind));
    return this.get(principal, id);
  }

  /** The change itself, on a row that the caller holds FOR UPDATE. */
  async endIn(tx: Tx, principal: Principal, row: ConsentRow, to: ConsentState, kind: ConsentChange): Promise<void> {
    consentTransitions.require(row.state, to);
    await consents.move(tx, row, to, principal.actorId, consentTransitions.isTerminal(to));
    await this.audit.append(tx, principal, { kind, data: { consentId: row.id, subjectId: row.subject_id } });
    // Whoever acts on this consent hears of it: the row of this job is the domain event.
    await this.jobs.enqueue(tx, {
      tenantId: principal.tenantId,
      kind: CONSENT_CHANGED_JOB,
      subjectId: row.subject_id,
      requestId: principal.requestId,
      payload: { consentId: row.id, state: to },
    });
  }
}
