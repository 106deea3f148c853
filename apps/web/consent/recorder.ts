import { BITS_PER_SECOND, chooseContainer } from './camera.ts';

export type Interruption = 'capture-interrupted' | 'capture-size-changed';

/** How often the recorder hands over what it has: what a lost connection or a closed tab can cost. */
const SLICE_MS = 1000;
/** A browser that hands over nothing for this long has lost its camera. */
const SILENCE_MS = 8000;

/**
 * One recording. Pieces come while it runs; the end is either `done` or one interruption, never both, and after that no piece. A clip
 * in which the picture changed its size or the camera went away is not evidence (cases CA-01, CA-02).
 */
export class TakeRecorder {
  readonly #recorder: MediaRecorder;
  readonly #stop = new AbortController();
  #watch: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(
    stream: MediaStream,
    /** Shows the stream: its `resize` tells that the phone was turned. */
    screen: HTMLVideoElement,
    private readonly on: { piece(piece: Blob): void; interrupted(why: Interruption): void; done(): void },
  ) {
    const mimeType = chooseContainer((type) => MediaRecorder.isTypeSupported(type));
    this.#recorder = new MediaRecorder(stream, { ...BITS_PER_SECOND, ...(mimeType === undefined ? {} : { mimeType }) });
    const { signal } = this.#stop;
    const listen = (target: EventTarget, event: string, then: (event: Event) => void): void =>
      target.addEventListener(event, then, { signal });
    listen(this.#recorder, 'dataavailable', (event) => this.#take((event as BlobEvent).data));
    listen(this.#recorder, 'error', () => this.#interrupt('capture-interrupted'));
    // Nobody asked it to stop: the camera was taken away.
    listen(this.#recorder, 'stop', () => this.#interrupt('capture-interrupted'));
    for (const track of stream.getTracks()) listen(track, 'ended', () => this.#interrupt('capture-interrupted'));
    // A call or the lock screen: phones go on recording black.
    listen(document, 'visibilitychange', () => document.hidden && this.#interrupt('capture-interrupted'));
    const size = [screen.videoWidth, screen.videoHeight].join();
    listen(
      screen,
      'resize',
      () => [screen.videoWidth, screen.videoHeight].join() !== size && this.#interrupt('capture-size-changed'),
    );
  }

  get mediaType(): string {
    return this.#recorder.mimeType;
  }

  start(): void {
    this.#recorder.start(SLICE_MS);
    this.#await();
  }

  /** Ends the take; the last piece comes before `done`. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stop.abort();
    clearTimeout(this.#watch);
    this.#recorder.ondataavailable = ({ data }) => data.size > 0 && this.on.piece(data);
    this.#recorder.onstop = () => this.on.done();
    this.#recorder.stop();
  }

  /** Ends the take for nothing. */
  discard(): void {
    this.#ended = true;
    this.#stop.abort();
    clearTimeout(this.#watch);
    if (this.#recorder.state !== 'inactive') this.#recorder.stop();
  }

  #take(piece: Blob): void {
    this.#await();
    if (piece.size > 0) this.on.piece(piece);
  }

  #await(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#interrupt('capture-interrupted'), SILENCE_MS);
  }

  #interrupt(why: Interruption): void {
    if (this.#ended) return;
    this.discard();
    this.on.interrupted(why);
  }
}
