import { setTimeout as sleep } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, RouteController, type RouteCall, type RouteSpec, idCursor, page, pageOf, pageQuery } from '#http';
import { type Principal, DomainError, NotFoundError } from '#kernel';
import { ReceiptKey } from '#pki';
import { ConsentAnswers, type Invitation } from './consent-answers.service.ts';
import {
  consentAskSchema,
  consentSessionWire,
  consentWire,
  evidenceSchema,
  receiptWire,
  toSession,
  toWire,
} from './consent-wire.ts';
import { PHRASE_STATUS } from './consent-phrase.ts';
import type { ConsentRow } from './consent.entities.ts';
import { ConsentService } from './consent.service.ts';
import { CONSENT_STATES } from './consent.states.ts';

const linkWire = z.object({
  token: z.string().describe('acts as the person: hand it to nobody else'),
  url: z.string().describe('the page; the token stands in its fragment, which browsers send to nobody'),
  expires_at: z.string(),
});
const consentAnswer = { description: 'The consent.', schema: consentWire };
const tag = 'consents';

const ASK = {
  method: 'POST', path: '/v1/consents', permission: 'consents.request', tag,
  summary: 'Ask a person for consent',
  description: 'Makes a draft and a link for the person. Nothing is agreed until the person answers through that link.',
  body: consentAskSchema,
  responses: { 201: { description: 'The draft, and the link to send to the person.', schema: z.object({ consent: consentWire, link: linkWire }) } },
} as const satisfies RouteSpec; // prettier-ignore
const LIST = {
  method: 'GET', path: '/v1/consents', permission: 'consents.read', tag,
  summary: 'List consents, newest first',
  query: z.strictObject({ ...pageQuery, state: z.enum(CONSENT_STATES).optional(), subject_id: z.uuid().optional() }),
  responses: { 200: { description: 'A page.', schema: pageOf(consentWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/consents/:id', permission: 'consents.read', tag,
  summary: 'Read a consent', responses: { 200: consentAnswer },
} as const satisfies RouteSpec; // prettier-ignore
const INVITE = {
  method: 'POST', path: '/v1/consents/:id/links', permission: 'consents.request', tag,
  summary: 'Make a new link for the person',
  body: z.strictObject({ days: z.int().min(1).max(30).default(7) }),
  responses: { 201: { description: 'The link.', schema: linkWire } },
} as const satisfies RouteSpec; // prettier-ignore
const SESSION = {
  method: 'GET', path: '/v1/consent-session', permission: 'session.read', tag,
  summary: 'What the link in hand is about', responses: { 200: { description: 'All that the page shows.', schema: consentSessionWire } },
} as const satisfies RouteSpec; // prettier-ignore
const NOTICE_SHOWN = {
  method: 'POST', path: '/v1/consents/:id/notice-shown', permission: 'consents.answer', tag,
  summary: 'Say which notice was on screen',
  body: z.strictObject({ locale: z.string().regex(/^[a-zA-Z0-9-]{2,20}$/), text_sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  responses: { 200: consentAnswer }, refusals: ['consent-notice-changed', 'link-used'],
} as const satisfies RouteSpec; // prettier-ignore
const CHALLENGE = {
  method: 'POST', path: '/v1/consents/:id/challenge', permission: 'consents.answer', tag,
  summary: 'Get a fresh code to say in the clip',
  body: z.strictObject({ take_over: z.boolean().default(false).describe('end a recording that runs in another tab') }),
  responses: { 201: { description: 'The code, and until when it counts.', schema: z.object({ capture_id: z.uuid(), digits: z.string(), phrase: z.string(), phrase_status: z.literal(PHRASE_STATUS), expires_at: z.string(), server_time: z.string() }) } },
  refusals: ['capture-in-progress', 'consent-attempts-spent', 'link-used'],
} as const satisfies RouteSpec; // prettier-ignore
const EVIDENCE = {
  method: 'POST', path: '/v1/consents/:id/evidence', permission: 'consents.answer', tag,
  summary: 'Agree, with the clip',
  description: 'The clip is checked next; read the consent until it is `given` or `evidence_failed`.',
  body: evidenceSchema,
  responses: { 202: consentAnswer },
  refusals: ['challenge-expired', 'challenge-code-wrong', 'upload-not-ready', 'link-used'],
} as const satisfies RouteSpec; // prettier-ignore
const RECEIPT = {
  method: 'GET', path: '/v1/consents/:id/receipt', permission: 'consents.read', tag,
  summary: 'The signed receipt', responses: { 200: { description: 'Record and signature; for the person also the link that pauses and withdraws.', schema: receiptWire } },
} as const satisfies RouteSpec; // prettier-ignore
const end = (what: 'withdraw' | 'pause' | 'resume', summary: string) => ({
  method: 'POST' as const, path: `/v1/consents/:id/${what}`, permission: 'consents.end' as const, tag, summary,
  body: z.strictObject({}).optional(), responses: { 200: consentAnswer }, refusals: ['state-conflict'],
}); // prettier-ignore
const WITHDRAW = end('withdraw', 'Withdraw: everything that uses the likeness stops');
const PAUSE = end('pause', 'Pause: nothing new is made until it is resumed');
const RESUME = end('resume', 'Resume a paused consent');
const REFUSE = {
  method: 'POST', path: '/v1/consents/:id/refuse', permission: 'consents.answer', tag,
  summary: 'Say no', body: z.strictObject({}).optional(), responses: { 200: consentAnswer }, refusals: ['link-used', 'state-conflict'],
} as const satisfies RouteSpec; // prettier-ignore
const STATUS = {
  method: 'GET', path: '/v1/consents/:token/status', permission: 'public', tag,
  summary: 'Is this consent still valid? (the link in a manifest)',
  params: z.strictObject({ token: z.string().max(128) }),
  responses: { 200: { description: 'The status, without anything about the person.', schema: z.object({ status: z.enum(['valid', 'paused', 'withdrawn', 'expired', 'invalidated', 'unknown']), changed_at: z.string().nullable() }) } },
} as const satisfies RouteSpec; // prettier-ignore

const RECEIPT_KEY = {
  method: 'GET', path: '/v1/receipt-key', permission: 'public', tag,
  summary: 'The public key of receipts', description: 'A JSON Web Key (RFC 7517): checks the signature of every receipt of this deployment.',
  responses: { 200: { description: 'The key.', schema: z.looseObject({ kty: z.string(), crv: z.string(), x: z.string(), kid: z.string() }) } },
} as const satisfies RouteSpec; // prettier-ignore

/** How long an answer waits for the check of a clip that has just been uploaded, before it asks the page to come again. */
const PATIENCE_MS = 25_000;

@RouteController()
export class ConsentsController {
  constructor(
    @Inject(ConsentService) private readonly consents: ConsentService,
    @Inject(ConsentAnswers) private readonly answers: ConsentAnswers,
    @Inject(ReceiptKey) private readonly receiptKey: ReceiptKey,
  ) {}

  @Route(ASK)
  async ask(@Call() { principal, body }: RouteCall<typeof ASK>) {
    const { row, invitation } = await this.answers.ask(principal, body);
    return { consent: this.#wire(row), link: toLink(invitation) };
  }

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>) {
    // Somebody who came through a link sees one consent, whatever the filter says.
    const { link } = principal;
    const found = await this.consents.list(principal, {
      ...(query.state ? { state: query.state } : {}),
      ...(query.subject_id ? { subjectId: query.subject_id } : {}),
      ...(link ? { only: link.consentId } : {}),
      ...(query.cursor ? { after: idCursor(query.cursor)! } : {}),
      limit: query.limit + 1,
    });
    return page(found.map((row) => this.#wire(row)), query.limit, (row) => [row.id]); // prettier-ignore
  }

  @Route(READ)
  async read(@Call() { principal, params }: RouteCall<typeof READ>) {
    return this.#wire(await this.consents.get(principal, own(principal, params['id']!)));
  }

  @Route(INVITE)
  async invite(@Call() { principal, params, body }: RouteCall<typeof INVITE>) {
    return toLink(await this.answers.invite(principal, params['id']!, body.days));
  }

  @Route(SESSION)
  async session(@Call() { principal, reply }: RouteCall<typeof SESSION>) {
    const { row, name, expiresAt, now } = await this.answers.session(principal);
    void reply.header('Cache-Control', 'private, no-store');
    return toSession(row, {
      name,
      link: { purpose: principal.link!.purpose, expiresAt },
      now,
      statusUrl: this.consents.statusUrl(row),
    });
  }

  @Route(NOTICE_SHOWN)
  async noticeShown(@Call() { principal, params, body }: RouteCall<typeof NOTICE_SHOWN>) {
    return this.#wire(await this.answers.noticeShown(principal, own(principal, params['id']!), body));
  }

  @Route(CHALLENGE)
  async challenge(@Call() { principal, params, body }: RouteCall<typeof CHALLENGE>) {
    const { capture, phrase } = await this.answers.challenge(principal, own(principal, params['id']!), body.take_over);
    const { id, digits, created_at, expires_at } = capture;
    return {
      capture_id: id,
      digits,
      phrase,
      phrase_status: PHRASE_STATUS,
      expires_at: expires_at.toISOString(),
      server_time: created_at.toISOString(),
    };
  }

  @Route(EVIDENCE)
  async evidence(@Call() { principal, params, body }: RouteCall<typeof EVIDENCE>) {
    const id = own(principal, params['id']!);
    for (const until = Date.now() + PATIENCE_MS; ; await sleep(300)) {
      try {
        return this.#wire(await this.answers.answer(principal, id, body));
      } catch (error) {
        // The clip has arrived and is still being looked at: nothing was changed, so this can be asked again.
        if (Date.now() > until || !(error instanceof DomainError) || error.problem.slug !== 'upload-not-ready') throw error;
      }
    }
  }

  @Route(RECEIPT)
  async receipt(@Call() { principal, params, reply }: RouteCall<typeof RECEIPT>) {
    const { row, manageUrl } = await this.answers.receipt(principal, own(principal, params['id']!));
    void reply.header('Content-Disposition', `attachment; filename="consent-receipt-${row.id}.json"`).header('Cache-Control', 'private, no-store'); // prettier-ignore
    return {
      receipt: row.receipt!,
      record: JSON.parse(row.record!) as Record<string, unknown>,
      status_url: this.consents.statusUrl(row),
      manage_url: manageUrl,
      verify_hint: 'The receipt is a compact JWS over the record in RFC 8785 form; its key is at /v1/receipt-key.',
    };
  }

  @Route(WITHDRAW)
  async withdraw(@Call() { principal, params }: RouteCall<typeof WITHDRAW>) {
    return this.#wire(await this.consents.withdraw(principal, own(principal, params['id']!)));
  }

  @Route(PAUSE)
  async pause(@Call() { principal, params }: RouteCall<typeof PAUSE>) {
    return this.#wire(await this.consents.pause(principal, own(principal, params['id']!)));
  }

  @Route(RESUME)
  async resume(@Call() { principal, params }: RouteCall<typeof RESUME>) {
    return this.#wire(await this.consents.resume(principal, own(principal, params['id']!)));
  }

  @Route(REFUSE)
  async refuse(@Call() { principal, params }: RouteCall<typeof REFUSE>) {
    return this.#wire(await this.answers.refuse(principal, own(principal, params['id']!)));
  }

  @Route(STATUS)
  async status(@Call() { params, reply }: RouteCall<typeof STATUS>) {
    const { status, changedAt } = await this.consents.status(params.token);
    // Anybody's verifier may ask, from any page; a minute old is fresh enough.
    void reply.header('Cache-Control', 'public, max-age=60').header('Access-Control-Allow-Origin', '*');
    return { status, changed_at: changedAt };
  }

  @Route(RECEIPT_KEY)
  key(@Call() { reply }: RouteCall<typeof RECEIPT_KEY>) {
    void reply.header('Cache-Control', 'public, max-age=3600').header('Access-Control-Allow-Origin', '*');
    return this.receiptKey.publicJwk;
  }

  #wire = (row: ConsentRow) => toWire(row, this.consents.statusUrl(row));
}

/** Whoever came through a link has one consent; every other one does not exist for that person. */
function own(principal: Principal, id: string): string {
  if (principal.link && principal.link.consentId !== id) throw new NotFoundError('There is no consent with this id.');
  return id;
}

const toLink = ({ token, url, expiresAt }: Invitation) => ({ token, url, expires_at: expiresAt.toISOString() });
