import { type Api, WireProblem, problemOf, troubleOf } from '../wire.ts';
import { CameraProblem } from './camera.ts';
import { Capture } from './capture.ts';
import type { ChallengeAnswer } from './consent-wire.ts';
import type { Flow } from './flow.ts';
import type { CapturePage } from './page-view.ts';
import { TabLock } from './tab-lock.ts';
import { type KeptTake, TakeStore } from './take-store.ts';
import { TakeUpload } from './take-upload.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Two seconds of neutral face: the zero from which expressions are measured. They are the beginning of the clip. */
export const CALM_SECONDS = 2;
/** Nobody needs longer for two sentences; a forgotten recorder must not fill a phone. */
const LONGEST_SECONDS = 60;
/** A code that ends sooner than this is not worth beginning with. */
const LEAST_SECONDS = 20;

/** From the camera check to the bytes at the server: camera, code, take, upload, and what a reload keeps. */
export class TakeDesk {
  readonly capture = new Capture();
  readonly #store: TakeStore;
  #lock: TabLock | undefined;
  #upload: TakeUpload | undefined;
  #kept: KeptTake | undefined;
  #pieces = 0;
  #began = 0;
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly api: Api,
    private readonly page: CapturePage,
  ) {
    this.#store = new TakeStore(() => page.set({ memoryOnly: true }));
  }

  get uploadId(): string {
    return this.#upload?.id ?? '';
  }

  get #flow(): Flow {
    return this.page.view.flow;
  }

  /** Picks up what this browser kept, unless another tab is at it. */
  async resume(consentId: string): Promise<void> {
    this.#lock = new TabLock(consentId, () => this.loseCode('capture-taken-over'));
    if (!(await this.#lock.hold())) return;
    const found = await this.#store.load(consentId, this.page.view.clock.now());
    if (!found) return;
    const { take, pieces } = found;
    if (take.challenge.expiresAt <= this.page.view.clock.now()) return this.forget();
    this.#kept = take;
    const { challenge, chosen, way, whole, begun } = take;
    this.page.dispatch({ type: 'resumed', challenge, chosen, way, whole: whole && pieces.length > 0, begun });
    this.#tick();
    if (this.#flow.step === 'camera') {
      if (take.uploadUrl !== null) void this.#newUpload(take.uploadUrl).cancel();
      await this.#store.forgetPieces(consentId);
      await this.openCamera();
    } else if (this.#flow.step === 'review') {
      const upload = this.#newUpload(take.uploadUrl ?? undefined);
      for (const piece of pieces) upload.append(piece);
      this.#complete(upload);
    }
  }

  /** The camera check begins. Whatever the camera answers, the person stays on this screen with all that they chose. */
  async openCamera(): Promise<void> {
    this.#tick();
    if (this.#flow.way === 'file') return;
    try {
      await this.capture.open();
      if (this.#flow.trouble?.slug.startsWith('camera-')) this.page.dispatch({ type: 'way', way: 'camera' });
      this.page.set({});
    } catch (error) {
      if (!(error instanceof CameraProblem)) throw error;
      this.page.dispatch({ type: 'camera-failed', trouble: { slug: error.slug } });
    }
  }

  useFile(): void {
    this.capture.close();
    this.page.dispatch({ type: 'way', way: 'file' });
  }

  back(): void {
    this.capture.close();
    this.page.dispatch({ type: 'back' });
  }

  /** Asks for a code. Another tab that holds one is named, never overrun without a word (case UP-01). */
  async challenge(takeOver = false): Promise<void> {
    const kept = this.#flow.challenge;
    if (kept && this.#secondsLeft(kept.expiresAt) > 0) return this.page.dispatch({ type: 'challenged', challenge: kept });
    await this.page.during(async () => {
      try {
        const body = takeOver ? { take_over: true } : {};
        const answer = await this.api.post<ChallengeAnswer>(`/v1/consents/${this.page.consent.id}/challenge`, body);
        this.page.view.clock.set(answer.server_time);
        await this.#lock?.hold(true);
        const { digits, phrase } = answer;
        const challenge = { captureId: answer.capture_id, digits, phrase, expiresAt: Date.parse(answer.expires_at) };
        this.page.dispatch({ type: 'challenged', challenge });
        await this.#keep({ begun: false, whole: false, uploadUrl: null });
      } catch (error) {
        if (!(error instanceof WireProblem && error.slug === 'capture-in-progress')) throw error;
        this.page.dispatch({ type: 'elsewhere' });
      }
    });
  }

  /** Two seconds of neutral face, then the words; the bytes leave while it runs. */
  async record(): Promise<void> {
    if (!this.capture.live) await this.openCamera();
    if (this.#flow.step !== 'code' || !this.capture.live) return;
    await this.#store.forgetPieces(this.page.consent.id);
    const upload = this.#newUpload();
    const mediaType = this.capture.record({
      piece: (piece) => this.#add(upload, piece),
      interrupted: (slug) => {
        void upload.cancel();
        this.page.dispatch({ type: 'interrupted', trouble: { slug } });
        void this.#store.forgetPieces(this.page.consent.id);
      },
      done: () => {
        this.page.dispatch({ type: 'finished' });
        void this.#keep({ whole: true });
        this.capture.close();
        this.#complete(upload, false);
      },
    });
    this.#began = performance.now();
    this.page.set({ phase: 'calm', elapsed: 0 });
    this.page.dispatch({ type: 'began' });
    this.#tick();
    this.#send(upload);
    await this.#keep({ begun: true, whole: false, uploadUrl: null, mediaType });
  }

  finish(): void {
    this.capture.finish();
  }

  /** The way without our camera: a clip from the phone's own camera application. */
  async takeFile(file: File): Promise<void> {
    this.page.dispatch({ type: 'began' });
    if (this.#flow.step !== 'recording') return;
    await this.#store.forgetPieces(this.page.consent.id);
    const upload = this.#newUpload();
    this.page.dispatch({ type: 'finished' });
    await this.#keep({ begun: true, whole: true, uploadUrl: null, mediaType: file.type || 'video/mp4' });
    this.#add(upload, file);
    this.#complete(upload);
  }

  /** Throws the take away and goes back to the same code. */
  async retake(): Promise<void> {
    void this.#upload?.cancel();
    this.#showClip(null);
    this.page.dispatch({ type: 'retake' });
    await this.#store.forgetPieces(this.page.consent.id);
    await this.#keep({ begun: false, whole: false, uploadUrl: null });
    await this.openCamera();
  }

  /** Nothing of the take is needed here any more. */
  async forget(): Promise<void> {
    this.close();
    if (this.page.view.session) await this.#store.forget(this.page.consent.id);
  }

  /** Leaves without an answer: what was recorded is taken back. */
  async leave(): Promise<void> {
    void this.#upload?.cancel();
    await this.forget();
  }

  close(): void {
    clearInterval(this.#ticking);
    this.capture.close();
    this.#lock?.release();
    this.#showClip(null);
  }

  #newUpload(url?: string): TakeUpload {
    const { session } = this.page.view;
    const metadata = {
      kind: 'consent-clip',
      subject_id: session!.subject.id,
      consent_id: session!.consent.id,
      capture_id: this.#flow.challenge?.captureId ?? '',
    };
    const tools = { send: (path: string, init: RequestInit) => this.api.send(path, init), wait: pause };
    const upload = new TakeUpload(
      tools,
      metadata,
      {
        progress: (sent, total, waiting) => this.page.set({ sent, total, waiting }),
        created: (uploadUrl) => void this.#keep({ uploadUrl }),
      },
      url,
    );
    this.#pieces = 0;
    this.page.set({ sent: 0, total: 0, waiting: false });
    return (this.#upload = upload);
  }

  #add(upload: TakeUpload, piece: Blob): void {
    upload.append(piece);
    void this.#store.keepPiece(this.page.consent.id, this.#pieces++, piece);
  }

  /** The take is whole: show it, and wait until the server has looked at it. */
  #complete(upload: TakeUpload, send = true): void {
    upload.end();
    this.#showClip(upload.clip(this.#kept?.mediaType ?? 'video/webm'));
    if (send) this.#send(upload);
  }

  #send(upload: TakeUpload): void {
    void upload
      .run()
      .then(() => this.#checked(upload))
      .catch((error: unknown) => {
        if (upload !== this.#upload || (error as Error).name === 'AbortError') return;
        this.#uploadFailed(error);
      });
  }

  /** A clip that cannot be read is refused here, before it could cost an attempt. */
  async #checked(upload: TakeUpload): Promise<void> {
    for (let tries = 0; upload === this.#upload; tries++) {
      const answer = await this.api.send(upload.url!.replace(/^.*\/v1\/uploads\//, '/v1/uploads/'));
      if (!answer.ok) {
        const problem = await problemOf(answer);
        if (!problem.passing) throw problem;
      } else {
        const { state, problem } = (await answer.json()) as { state: string; problem: { code?: string; detail?: string } | null };
        if (state === 'ready') return this.page.dispatch({ type: 'upload-ready' });
        if (state === 'refused' || state === 'expired')
          throw new WireProblem(problem?.code ?? `upload-${state}`, 422, problem?.detail ?? '');
      }
      await pause(Math.min(3000, 400 + tries * 200));
    }
  }

  #uploadFailed(error: unknown): void {
    this.capture.discard();
    this.#showClip(null);
    const trouble = troubleOf(error);
    if (trouble.slug === 'challenge-expired') return this.loseCode(trouble.slug);
    this.page.dispatch({ type: 'upload-failed', trouble });
    void this.#store.forgetPieces(this.page.consent.id);
    void this.openCamera();
  }

  /** The server would refuse the answer now: the code has run out, or another tab got a newer one. */
  loseCode(slug: string): void {
    if (!this.#flow.challenge) return;
    void this.#upload?.cancel();
    this.capture.discard();
    this.#showClip(null);
    this.page.dispatch({ type: 'code-lost', trouble: { slug } });
    void this.#store.forgetPieces(this.page.consent.id);
    void this.openCamera();
  }

  async #keep(change: Partial<KeptTake>): Promise<void> {
    const { flow, session } = this.page.view;
    if (!flow.challenge || !session) return;
    const { challenge, chosen, way } = flow;
    const base = this.#kept ?? { mediaType: 'video/webm', uploadUrl: null, begun: false, whole: false };
    this.#kept = { ...base, consentId: session.consent.id, challenge, chosen, way, ...change };
    await this.#store.keep(this.#kept);
  }

  #showClip(clip: Blob | null): void {
    const { clipUrl } = this.page.view;
    if (clipUrl !== null) URL.revokeObjectURL(clipUrl);
    if (clip || clipUrl !== null) this.page.set({ clipUrl: clip ? URL.createObjectURL(clip) : null });
  }

  #secondsLeft(expiresAt: number): number {
    return Math.max(0, this.page.view.clock.secondsUntil(expiresAt) - LEAST_SECONDS);
  }

  /** Four times a second: light, the seconds of the take, the seconds of the code. */
  #tick(): void {
    clearInterval(this.#ticking);
    this.#ticking = setInterval(() => {
      const { step, challenge } = this.#flow;
      if (step === 'camera' || step === 'code') this.page.set({ light: this.capture.light() ?? null });
      if (step === 'recording') {
        const elapsed = (performance.now() - this.#began) / 1000;
        this.page.set({ elapsed, phase: elapsed < CALM_SECONDS ? 'calm' : 'speak' });
        if (elapsed > LONGEST_SECONDS) this.finish();
      }
      if ((step === 'code' || step === 'review') && challenge && this.secondsForCode() === 0) this.loseCode('challenge-expired');
    }, 250);
  }

  /** Seconds that the screen shows for the code. */
  secondsForCode(): number {
    const { step, challenge } = this.#flow;
    if (!challenge) return 0;
    return step === 'review' ? this.page.view.clock.secondsUntil(challenge.expiresAt) : this.#secondsLeft(challenge.expiresAt);
  }
}
