/** A refusal as the page shows it: a slug for the sentence, the server's own words as a fallback. */
export interface Trouble {
  readonly slug: string;
  readonly detail?: string | undefined;
  readonly reasons?: readonly string[] | undefined;
}

/** An RFC 9457 problem, or `network` when there was no answer. */
export class WireProblem extends Error {
  constructor(
    readonly slug: string,
    readonly status: number,
    detail: string,
    /** Seconds; 0 when the server named none. */
    readonly retryAfter = 0,
    readonly reasons: readonly string[] = [],
  ) {
    super(detail);
  }

  get trouble(): Trouble {
    return { slug: this.slug, detail: this.message, reasons: this.reasons };
  }

  /** The same request may succeed later without anybody doing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export const troubleOf = (error: unknown): Trouble =>
  error instanceof WireProblem ? error.trouble : { slug: 'page-broken', detail: String(error) };

/** Reads a refusal. Proxies answer in HTML: then the status alone speaks. */
export async function problemOf(answer: Response): Promise<WireProblem> {
  let body: { code?: string; detail?: string; reasons?: string[] } = {};
  try {
    body = (await answer.json()) as typeof body;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const { code = `http-${answer.status}`, detail = '', reasons } = body;
  return new WireProblem(code, answer.status, detail, Number(answer.headers.get('retry-after')), reasons);
}

/** Same-origin requests with the link's token in a header, never in an address. */
export class Api {
  constructor(private readonly token: string) {}

  /** Any request; the caller reads the answer. Throws only `network`. */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.token}`);
    try {
      return await fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new WireProblem('network', 0, '');
    }
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.send(path);
    if (!answer.ok) throw await problemOf(answer);
    return (await answer.json()) as T;
  }

  async post<T>(path: string, body: object): Promise<T> {
    const answer = await this.send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw await problemOf(answer);
    return (await answer.json()) as T;
  }
}

/** Hex SHA-256 of UTF-8 text. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
