import { type Links, LinkUsedError } from '#access';
import type { Audit } from '#audit';
import { type Db, rows } from '#db';
import type { SubjectsService } from '#identity';
import { type Principal, type PublicUrl, type Tx, DomainError, InvalidInputError, NotFoundError } from '#kernel';
import type { Jobs } from '#queue';
import { type UploadRow, type UploadsService } from '#uploads';
import { AttemptsSpentError, type CaptureRow, CaptureInProgressError, ChallengeCodeError, ChallengeExpiredError, MAX_ATTEMPTS, consentCaptures } from './consent-captures.ts'; // prettier-ignore
import { builtInNotice } from './consent-notice.ts';
import { digitsOf, phrase } from './consent-phrase.ts';
import { sha256Hex } from './consent-record.ts';
import { termOf } from './consent-term.ts';
import type { ConsentAsk, EvidenceInput } from './consent-wire.ts';
import type { ConsentRow } from './consent.entities.ts';
import type { ConsentService } from './consent.service.ts';
import { consentTransitions } from './consent.states.ts';
import { consentsRepository as consents } from './consents.repository.ts';

export const CONSENT_CHECK_JOB = 'consent.check';

/** The page shows another text than the operator asked with; what was read would not be what is recorded. */
export class NoticeChangedError extends DomainError {
  override readonly problem = { slug: 'consent-notice-changed', status: 409, title: 'The notice on screen is not the current one' } as const; // prettier-ignore
}

export interface Invitation {
  readonly token: string;
  readonly url: string;
  readonly expiresAt: Date;
}

/** The way from "an operator asks" to "the person answered": everything that a consent link can do. */
export class ConsentAnswers {
  constructor(
    private readonly db: Db,
    private readonly audit: Audit,
    private readonly jobs: Jobs,
    private readonly links: Links,
    private readonly consent: ConsentService,
    private readonly subjects: SubjectsService,
    private readonly uploads: UploadsService,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** The operator's request, as a draft that nobody has seen yet, and the link for the person. */
  async ask(principal: Principal, ask: ConsentAsk): Promise<{ row: ConsentRow; invitation: Invitation }> {
    await this.subjects.get(principal.tenantId, ask.subject_id);
    const row = await this.consent.request(
      principal,
      {
        subjectId: ask.subject_id,
        scope: ask.scope,
        language: ask.language,
        notice: ask.notice ?? builtInNotice(ask.language),
        controller: ask.controller,
        jurisdiction: ask.jurisdiction,
        validUntil: termOf(ask.valid_until, ask.zone, await this.#now()),
        zone: ask.zone,
      },
      'draft',
    );
    return { row, invitation: await this.invite(principal, row.id, ask.link_days) };
  }

  /** A new link: the old one was lost, or ran out. After the answer it only leads to pause and withdrawal. */
  async invite(principal: Principal, id: string, days: number): Promise<Invitation> {
    return this.db.tx(async (tx) => {
      const row = await consents.get(tx, principal.tenantId, id, 'update');
      return this.#link(tx, principal, row, answered(row) ? 'manage' : 'consent', days);
    });
  }

  /** The receipt with the link that withdraws: handed out once the consent is given, to the person or to the operator. */
  async receipt(principal: Principal, id: string): Promise<{ row: ConsentRow; manageUrl: string | null }> {
    const row = await this.consent.get(principal, id);
    if (row.receipt === null) throw new NotFoundError('There is no receipt: this consent was not given.');
    // Only the person gets a link that acts as the person.
    if (principal.link === undefined) return { row, manageUrl: null };
    const days = Math.ceil((row.valid_until.getTime() - Date.now()) / 86_400_000) + 1;
    const link = await this.db.tx((tx) => this.#link(tx, principal, row, 'manage', Math.max(1, days)));
    return { row, manageUrl: link.url };
  }

  async session(principal: Principal): Promise<{ row: ConsentRow; name: string | null; expiresAt: Date; now: Date }> {
    const { id, consentId } = principal.link!;
    const row = await this.consent.get(principal, consentId);
    const [link] = await this.db.query<{ expires_at: Date }>('SELECT expires_at FROM links WHERE id = $1', [id]);
    const name = await this.#nameOf(principal.tenantId, row.subject_id);
    return { row, name, expiresAt: link!.expires_at, now: await this.#now() };
  }

  /** No. From any point before the answer counts; a clip that is being checked meanwhile changes nothing any more. */
  refuse(principal: Principal, id: string): Promise<ConsentRow> {
    return this.#change(principal, id, async (tx, row) => {
      // Who says no at the first sight of the notice was asked all the same.
      for (const [from, to] of [['draft', 'notice_shown'], ['notice_shown', 'requested'], ['evidence_failed', 'requested'], ['deferred', 'requested']] as const) {
        if (row.state !== from) continue;
        await consents.move(tx, row, to, principal.actorId, false);
        row = { ...row, state: to };
      }
      await this.consent.endIn(tx, principal, row, 'refused', 'consent.refused');
    }); // prettier-ignore
  }

  /** What was on screen: the hash must be that of the notice the operator asked with. Safe to repeat. */
  noticeShown(principal: Principal, id: string, shown: { locale: string; text_sha256: string }): Promise<ConsentRow> {
    return this.#change(principal, id, async (tx, row) => {
      if (sha256Hex(row.request.notice.text) !== shown.text_sha256)
        throw new NoticeChangedError('The notice was changed meanwhile. Reload the page and read it again.');
      await rows(tx, `UPDATE consents SET notice_sha256 = $3, notice_locale = $4 WHERE tenant_id = $1 AND id = $2`, [row.tenant_id, id, shown.text_sha256, shown.locale]); // prettier-ignore
      if (row.state !== 'draft') return;
      await consents.move(tx, row, 'notice_shown', principal.actorId, false);
      await this.audit.append(tx, principal, {
        kind: 'consent.notice-shown',
        data: { consentId: id, subjectId: row.subject_id, textSha256: shown.text_sha256 },
      });
    });
  }

  /** A fresh code for one tab. @throws CaptureInProgressError unless the caller takes over, AttemptsSpentError */
  async challenge(
    principal: Principal,
    id: string,
    takeOver: boolean,
  ): Promise<{ capture: CaptureRow; phrase: string; now: Date }> {
    const name = await this.#nameOf(principal.tenantId, (await this.consent.get(principal, id)).subject_id);
    let capture: CaptureRow | undefined;
    const row = await this.#change(principal, id, async (tx, row) => {
      if (row.state === 'notice_shown' || row.state === 'evidence_failed' || row.state === 'deferred')
        await consents.move(tx, row, 'requested', principal.actorId, false);
      else consentTransitions.require(row.state, 'evidence_pending');
      if (row.attempts >= MAX_ATTEMPTS)
        throw new AttemptsSpentError('Five clips could not be used. Ask whoever sent the link to send a new request.');
      const open = await consentCaptures.open(tx, id);
      if (open && !takeOver)
        throw new CaptureInProgressError('A recording for this consent is running in another tab or on another device. Go on there, or take over here.', {
          expires_at: open.expires_at.toISOString(),
        }); // prettier-ignore
      capture = await consentCaptures.start(tx, row.tenant_id, id);
    });
    const date = new Intl.DateTimeFormat(row.request.language, { dateStyle: 'long', timeZone: row.zone }).format(
      capture!.created_at,
    );
    return {
      capture: capture!,
      now: capture!.created_at,
      phrase: phrase(row.request.language, {
        name: name ?? '…',
        date,
        controller: row.request.controller.party_name,
        digits: capture!.digits,
      }),
    };
  }

  /**
   * The clip is handed in, with what the person agreed to. Row, audit event and the job that checks the clip are one transaction; the code
   * is used up in it. The purposes that were ticked become the scope of the record.
   */
  async answer(principal: Principal, id: string, input: EvidenceInput): Promise<ConsentRow> {
    const upload = await this.uploads.get(principal.tenantId, input.upload_id);
    const arrival = await this.uploads.findArrival(principal.tenantId, upload.id);
    return this.#change(principal, id, async (tx, row) => {
      consentTransitions.require(row.state, 'evidence_pending');
      const capture = await consentCaptures.use(tx, id, input.capture_id);
      requireOwnClip(row, capture, upload, arrival);
      if (input.typed_code !== undefined && digitsOf(input.typed_code) !== capture.digits)
        throw new ChallengeCodeError('The typed code is not the one that was shown. Ask for a new code and try again.');
      const scope = agreedScope(row, input);
      await rows(
        tx,
        `UPDATE consents SET attempts = attempts + 1, evidence_problem = NULL, scope = $3, purposes = $4 WHERE tenant_id = $1 AND id = $2`,
        [row.tenant_id, id, JSON.stringify(scope), scope.purposes],
      );
      await consents.move(tx, row, 'evidence_pending', principal.actorId, false);
      await this.jobs.enqueue(tx, {
        tenantId: row.tenant_id,
        kind: CONSENT_CHECK_JOB,
        subjectId: row.subject_id,
        requestId: principal.requestId,
        payload: {
          consentId: id,
          uploadId: upload.id,
          captureId: capture.id,
          actorId: principal.actorId,
          typed: input.typed_code !== undefined,
          ...(principal.link ? { linkId: principal.link.id } : {}),
        },
      });
    });
  }

  async #change(principal: Principal, id: string, work: (tx: Tx, row: ConsentRow) => Promise<void>): Promise<ConsentRow> {
    await this.db.tx(async (tx) => {
      const row = await consents.get(tx, principal.tenantId, id, 'update');
      if (answered(row))
        throw new LinkUsedError('This consent was answered before. Use the receipt to see, pause or withdraw it.');
      await work(tx, row);
    });
    return this.consent.get(principal, id);
  }

  async #link(tx: Tx, principal: Principal, row: ConsentRow, purpose: 'consent' | 'manage', days: number): Promise<Invitation> {
    const expiresAt = new Date((await consents.now(tx)).getTime() + days * 86_400_000);
    const { token } = await this.links.issue(tx, principal, { subjectId: row.subject_id, consentId: row.id, purpose, expiresAt });
    // In the fragment: it reaches no server log, no proxy and no referrer.
    return { token, url: `${this.publicUrl.base}/consent/#${token}`, expiresAt };
  }

  async #nameOf(tenantId: string, subjectId: string): Promise<string | null> {
    return (await this.subjects.names(tenantId, [subjectId])).get(subjectId) ?? null;
  }

  #now(): Promise<Date> {
    return this.db.tx((tx) => consents.now(tx));
  }
}

const answered = (row: ConsentRow): boolean => row.receipt !== null;

/** The clip is this person's, and was sent for this code after it was shown: an older clip, or one made for another code, is no answer. */
function requireOwnClip(
  row: ConsentRow,
  capture: CaptureRow,
  upload: UploadRow,
  arrival: { captureId: string | null; beganAt: Date } | undefined,
): void {
  if (upload.kind !== 'consent-clip' || upload.subject_id !== row.subject_id)
    throw new NotFoundError('There is no consent clip of this person with this id.');
  if (arrival?.captureId !== capture.id || arrival.beganAt < capture.created_at)
    throw new ChallengeExpiredError('This clip was not sent for the code that was shown last. Record again with the new code.');
}

/** What was ticked, inside what was asked. @throws InvalidInputError for anything nobody asked for. */
function agreedScope(row: ConsentRow, input: EvidenceInput): ConsentRow['scope'] {
  const asked = row.request.scope;
  const beyond = input.purposes.map((purpose, i) => ({ purpose, i })).filter(({ purpose }) => !asked.purposes.includes(purpose));
  const faults = beyond.map(({ i }) => ({ pointer: `/purposes/${i}`, detail: 'was not asked for' }));
  if (input.export_model && !asked.export_model) faults.push({ pointer: '/export_model', detail: 'was not asked for' });
  if (input.realtime && !asked.realtime) faults.push({ pointer: '/realtime', detail: 'was not asked for' });
  if (new Set(input.purposes).size !== input.purposes.length)
    faults.push({ pointer: '/purposes', detail: 'a purpose is named twice' });
  if (faults.length > 0) throw new InvalidInputError('The answer goes beyond the request.', faults);
  return { ...asked, purposes: input.purposes, export_model: input.export_model, realtime: input.realtime };
}
