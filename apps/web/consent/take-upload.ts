import { WireProblem, problemOf } from '../wire.ts';

/** Most bytes of one request: what a lost connection costs at worst, since the server keeps what arrived. */
const MOST = 256 * 1024;
const TUS = { 'tus-resumable': '1.0.0' };
const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** In a row; about an hour of waiting. */
const MOST_FAILURES = 450;

/** No answer, a server that is busy, an offset that is not ours (another try of ours got through), a lock that a cut request left. */
const mayPass = ({ passing, status, slug }: WireProblem): boolean =>
  passing || status === 423 || slug === 'upload-offset-conflict' || slug === 'http-409';

export interface UploadTools {
  /** Throws `network` when there is no answer. */
  send(path: string, init: RequestInit): Promise<Response>;
  wait(ms: number): Promise<void>;
}

/**
 * A tus 1.0 client for a clip that is still growing (creation-defer-length). Pieces are kept until the end, so any offset that the
 * server names can be served: after a lost answer, a cut connection or another tab's bytes it asks where the server stands and goes on.
 */
export class TakeUpload {
  readonly #pieces: Blob[] = [];
  readonly #abort = new AbortController();
  #ended = false;
  #declared = false;
  #offset = 0;
  #failures = 0;
  #wake: () => void = () => undefined;

  constructor(
    private readonly tools: UploadTools,
    private readonly metadata: Readonly<Record<string, string>>,
    private readonly on: { progress?(sent: number, total: number, waiting: boolean): void; created?(url: string): void } = {},
    /** Address of an upload that an earlier page began. */
    public url?: string,
  ) {}

  get total(): number {
    return this.#pieces.reduce((sum, { size }) => sum + size, 0);
  }

  get id(): string {
    return this.url?.split('/').at(-1) ?? '';
  }

  append(piece: Blob): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  /** No more pieces will come. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The whole clip so far, for the playback. */
  clip(type: string): Blob {
    return new Blob(this.#pieces, { type });
  }

  /**
   * Resolves with the upload's id when the server has every byte and knows that it has. What may succeed by itself is repeated, after
   * asking for the true offset: a person on a train should have to do nothing.
   */
  async run(): Promise<string> {
    let known = false;
    for (;;) {
      this.#abort.signal.throwIfAborted();
      try {
        if (this.url === undefined) await this.#create();
        else if (!known) await this.#ask();
        else if (this.#offset < this.total || (this.#ended && !this.#declared)) await this.#patch();
        else if (this.#ended) return this.id;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
        known = true;
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        if (!(error instanceof WireProblem) || !mayPass(error) || ++this.#failures > MOST_FAILURES) throw error;
        known = false;
        this.on.progress?.(this.#offset, this.total, true);
        await this.tools.wait(error.retryAfter * 1000 || Math.min(8000, 125 * 2 ** this.#failures));
      }
    }
  }

  /** Ends it and takes back what was sent. Nobody waits for this: an upload that stays is removed after a day. */
  async cancel(): Promise<void> {
    this.#abort.abort();
    this.#wake();
    if (this.url === undefined) return;
    try {
      await this.tools.send(this.url, { method: 'DELETE', headers: TUS });
    } catch (error) {
      if (!(error instanceof WireProblem)) throw error;
    }
  }

  async #create(): Promise<void> {
    const metadata = Object.entries(this.metadata).map(([key, value]) => `${key} ${base64(value)}`);
    const answer = await this.#request('/v1/uploads', 'POST', {
      'upload-defer-length': '1',
      'upload-metadata': metadata.join(','),
    });
    const location = answer.headers.get('location');
    if (answer.status !== 201 || location === null) throw await problemOf(answer);
    // Only the path: behind a proxy the server may not know its own name, and bytes of a person go nowhere else.
    this.url = new URL(location, 'https://here.invalid/').pathname;
    this.on.created?.(this.url);
  }

  /** Where does the server stand? */
  async #ask(): Promise<void> {
    const answer = await this.#request(this.url!, 'HEAD', {});
    if (!answer.ok) throw await problemOf(answer);
    const offset = Number(answer.headers.get('upload-offset'));
    this.#declared = answer.headers.has('upload-length');
    if (!Number.isInteger(offset) || offset < 0 || offset > this.total)
      throw new WireProblem('capture-interrupted', 422, 'The server holds other bytes than this page.');
    this.#offset = offset;
  }

  async #patch(): Promise<void> {
    const end = Math.min(this.#offset + MOST, this.total);
    const headers: Record<string, string> = {
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(this.#offset),
    };
    const declares = this.#ended && !this.#declared;
    if (declares) headers['upload-length'] = String(this.total);
    const answer = await this.#request(this.url!, 'PATCH', headers, new Blob(this.#pieces).slice(this.#offset, end));
    if (answer.status !== 204 && answer.status !== 200) throw await problemOf(answer);
    this.#offset = Number(answer.headers.get('upload-offset') ?? end);
    if (declares) this.#declared = true;
    this.#failures = 0;
    this.on.progress?.(this.#offset, this.total, false);
  }

  #request(path: string, method: string, headers: Record<string, string>, body?: Blob): Promise<Response> {
    const init = { method, headers: { ...TUS, ...headers }, signal: this.#abort.signal };
    return this.tools.send(path, body ? { ...init, body } : init);
  }
}
