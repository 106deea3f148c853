import { CameraProblem, openCamera, stopStream } from './camera.ts';
import { type LightReading, readLight } from './light.ts';
import { type Interruption, TakeRecorder } from './recorder.ts';

/** Small on purpose: the light of a room needs no more, and a phone reads it in a millisecond. */
const PROBE = { width: 48, height: 36 };

/** Camera, preview, light and recorder of one page. Holds at most one stream. */
export class Capture {
  #stream: MediaStream | undefined;
  #screen: HTMLVideoElement | null = null;
  #canvas: HTMLCanvasElement | undefined;
  #recorder: TakeRecorder | undefined;

  /** Opens the camera, after letting go of an earlier stream. Throws {@link CameraProblem}. */
  async open(): Promise<void> {
    this.close();
    const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    const ask = devices?.getUserMedia ? devices.getUserMedia.bind(devices) : undefined;
    const stream = await openCamera(ask, typeof MediaRecorder === 'function');
    this.#stream = stream;
    this.attach(this.#screen);
  }

  get live(): boolean {
    return this.#stream?.getVideoTracks().some(({ readyState }) => readyState === 'live') ?? false;
  }

  /** The element that shows the camera; the page renders it, null when it is gone. */
  attach(screen: HTMLVideoElement | null): void {
    this.#screen = screen;
    if (!screen || screen.srcObject === (this.#stream ?? null)) return;
    screen.srcObject = this.#stream ?? null;
    // Refused while the tab is hidden; the preview starts when it comes back.
    void screen.play().catch(() => undefined);
  }

  /** The light right now; undefined until the first picture. */
  light(): LightReading | undefined {
    const screen = this.#screen;
    if (!screen || !this.live || screen.readyState < 2 || screen.videoWidth === 0) return undefined;
    this.#canvas ??= Object.assign(document.createElement('canvas'), PROBE);
    const context = this.#canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return undefined;
    context.drawImage(screen, 0, 0, PROBE.width, PROBE.height);
    return readLight(context.getImageData(0, 0, PROBE.width, PROBE.height).data, PROBE.width, PROBE.height);
  }

  /** Begins a take and returns its media type. */
  record(on: { piece(piece: Blob): void; interrupted(why: Interruption): void; done(): void }): string {
    if (!this.#stream || !this.#screen) throw new CameraProblem('camera-missing');
    this.#recorder = new TakeRecorder(this.#stream, this.#screen, on);
    this.#recorder.start();
    return this.#recorder.mediaType;
  }

  finish(): void {
    this.#recorder?.finish();
    this.#recorder = undefined;
  }

  discard(): void {
    this.#recorder?.discard();
    this.#recorder = undefined;
  }

  /** Lets go of camera and microphone: their lamp goes out. */
  close(): void {
    this.discard();
    stopStream(this.#stream);
    this.#stream = undefined;
    if (this.#screen) this.#screen.srcObject = null;
  }
}
