import type { Catalog } from '../catalog.ts';
import { codeDigits } from '../code-digits.ts';
import type { ServerClock } from '../server-clock.ts';
import { type Api, type Trouble, WireProblem, sha256Hex, troubleOf } from '../wire.ts';
import type { Consent, ConsentSession, Receipt } from './consent-wire.ts';
import { type FlowEvent, START, mayGive, next, purposesOf } from './flow.ts';
import type { CapturePage, PageView } from './page-view.ts';
import { TakeDesk } from './take-desk.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Refusals after which the link is of no more use. */
export const linkIsOver = (slug: string): boolean => /^(link-|unauthenticated|not-found|permission-|consent-attempts)/.test(slug);

/** What the server says about a failed check. */
const evidenceTrouble = ({ evidence }: Consent): Trouble | null => {
  const { code = 'evidence-failed', detail, reasons } = evidence?.problem ?? {};
  return evidence?.state === 'failed' ? { slug: code, detail, reasons } : null;
};

/** One toggle each: what was not asked for is not offered. */
const offeredBy = ({ offered }: Consent): string[] => [
  ...offered.purposes,
  ...(offered.realtime ? ['+realtime'] : []),
  ...(offered.export_model ? ['+export_model'] : []),
];

/** Turns clicks and answers into events of the flow. Knows no element of the screen except through {@link TakeDesk}. */
export class ConsentPage implements CapturePage {
  view: PageView;
  readonly desk: TakeDesk;

  constructor(
    private readonly api: Api,
    clock: ServerClock,
    catalog: Catalog,
    private readonly onChange: () => void,
  ) {
    this.view = {
      flow: START,
      session: null,
      catalog,
      clock,
      busy: false,
      light: null,
      phase: 'calm',
      elapsed: 0,
      sent: 0,
      total: 0,
      waiting: false,
      memoryOnly: false,
      clipUrl: null,
      typedCode: '',
      typedFault: null,
      receipt: null,
      receiptUrl: null,
      copied: false,
    };
    this.desk = new TakeDesk(api, this);
  }

  get consent(): Consent {
    return this.view.session!.consent;
  }

  text(key: string, values?: Readonly<Record<string, string | number>>): string {
    return this.view.catalog.text(key, values);
  }

  set(change: Partial<PageView>): void {
    this.view = { ...this.view, ...change };
    this.onChange();
  }

  dispatch(event: FlowEvent): void {
    const flow = next(this.view.flow, event);
    if (flow !== this.view.flow) this.set({ flow });
  }

  /** Begins with what the server said about the link: the screen that belongs to the state of the consent. */
  async open(session: ConsentSession): Promise<void> {
    await this.during(async () => {
      this.view.clock.set(session.server_time);
      this.set({ session });
      const { consent, link } = session;
      const trouble = evidenceTrouble(consent);
      this.dispatch({
        type: 'opened',
        state: consent.state,
        offered: offeredBy(consent),
        attemptsLeft: consent.attempts_left,
        manage: link.purpose === 'manage',
        trouble,
      });
      if (this.view.flow.step === 'asked') {
        if (consent.state === 'draft') await this.#noticeShown(consent);
        await this.desk.resume(consent.id);
      }
      if (this.view.flow.step === 'checking') void this.#awaitDecision();
    });
  }

  /** The text is on the screen now: the record will name exactly these bytes. */
  async #noticeShown({ id, notice, language }: Consent): Promise<void> {
    await this.api.post(`/v1/consents/${id}/notice-shown`, {
      locale: language,
      text_sha256: await sha256Hex(notice.text),
    });
  }

  /** From the toggles to the camera. */
  async choose(): Promise<void> {
    this.dispatch({ type: 'chose' });
    if (this.view.flow.step === 'camera') await this.desk.openCamera();
  }

  /** Sends what was ticked, the clip's address and the confirmation; nothing unless the flow allows it. */
  async give(): Promise<void> {
    const { flow, typedCode } = this.view;
    if (!mayGive(flow)) return;
    const typed = codeDigits(typedCode);
    if (typed === undefined) return this.set({ typedFault: 'code-not-digits' });
    await this.during(async () => {
      const consent = `/v1/consents/${this.consent.id}`;
      const evidence = {
        capture_id: flow.challenge!.captureId,
        upload_id: this.desk.uploadId,
        purposes: purposesOf(flow),
        realtime: flow.chosen.includes('+realtime'),
        export_model: flow.chosen.includes('+export_model'),
        confirmed: true,
        ...(typed === '' ? {} : { typed_code: typed }),
      };
      await this.api.post(`${consent}/evidence`, evidence).catch(async (refusal) => {
        // Perhaps only the answer was lost, and the second try was refused because the first had arrived: the server knows.
        const { state } = await this.api.get<Consent>(consent);
        if (state !== 'evidence_pending' && state !== 'given') throw refusal;
      });
      this.dispatch({ type: 'sent' });
      await this.desk.forget();
      void this.#awaitDecision();
    });
  }

  /** Asks until there is an answer: every second at first, every five later, and patiently without a connection. */
  async #awaitDecision(): Promise<void> {
    for (let tries = 0; this.view.flow.step === 'checking'; tries++) {
      await pause(Math.min(5000, 700 + tries * 200));
      try {
        const consent = await this.api.get<Consent>(`/v1/consents/${this.consent.id}`);
        this.#learn(consent);
        this.dispatch({
          type: 'decided',
          state: consent.state,
          attemptsLeft: consent.attempts_left ?? this.view.flow.attemptsLeft,
          trouble: evidenceTrouble(consent),
        });
      } catch (error) {
        if (!(error instanceof WireProblem && error.passing)) return this.fail(error);
      }
    }
    if (this.view.flow.step === 'given') await this.during(() => this.fetchReceipt());
    else if (this.view.flow.step === 'camera') await this.desk.openCamera();
  }

  /** The answer to a change may hold less than the session did. */
  #learn(consent: Consent): void {
    const session = this.view.session!;
    this.set({ session: { ...session, consent: { ...session.consent, ...consent } } });
  }

  async fetchReceipt(): Promise<void> {
    if (this.view.receipt) return;
    const receipt = await this.api.get<Receipt>(`/v1/consents/${this.consent.id}/receipt`);
    const file = new Blob([JSON.stringify(receipt, null, 2)], { type: 'application/json' });
    this.set({ receipt, receiptUrl: URL.createObjectURL(file) });
  }

  /** Refuse, pause, resume, withdraw. */
  async end(what: 'refuse' | 'pause' | 'resume' | 'withdraw'): Promise<void> {
    await this.during(async () => {
      if (what === 'refuse') await this.desk.forget();
      const consent = await this.api.post<Consent>(`/v1/consents/${this.consent.id}/${what}`, {});
      this.#learn(consent);
      this.dispatch({ type: 'changed', state: consent.state });
    });
  }

  later(): void {
    this.dispatch({ type: 'later' });
    void this.desk.leave();
  }

  /** One request at a time; a refusal becomes a sentence, and a link that is over closes the page. */
  async during(act: () => Promise<void>): Promise<void> {
    if (this.view.busy) return;
    this.set({ busy: true });
    try {
      await act();
    } catch (error) {
      this.fail(error);
    } finally {
      this.set({ busy: false });
    }
  }

  fail(error: unknown): void {
    const trouble = troubleOf(error);
    if (linkIsOver(trouble.slug)) {
      this.desk.close();
      return this.dispatch({ type: 'closed', trouble });
    }
    if (trouble.slug === 'challenge-expired') return this.desk.loseCode(trouble.slug);
    if (trouble.slug === 'challenge-code-wrong') return this.set({ typedFault: trouble.slug });
    this.dispatch({ type: 'trouble', trouble });
  }
}
