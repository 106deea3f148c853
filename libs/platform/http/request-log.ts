/** One request as the log and the metrics see it. No address, body, token or name: the route is the pattern, never the URL. */
export interface RequestRecord {
  readonly level: 'info' | 'warn' | 'error';
  readonly at: string;
  readonly request_id: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  /** From the first byte to the last, milliseconds. */
  readonly ms: number;
  readonly tenant_id: string | null;
  readonly actor_id: string | null;
}

/** A fault: something that a person must look at. Messages of our own code and libraries; the wire never sees them. */
export interface FaultRecord {
  readonly level: 'error';
  readonly at: string;
  readonly request_id: string | null;
  readonly message: string;
  readonly stack?: string;
}

/** Where records go: one JSON line each on stdout, and whoever counts them. */
export class RequestLog {
  readonly #listeners: ((record: RequestRecord) => void)[] = [];

  constructor(private readonly write: (line: string) => void) {}

  /** Called with every record, for metrics. */
  listen(listener: (record: RequestRecord) => void): void {
    this.#listeners.push(listener);
  }

  request(record: RequestRecord): void {
    this.#line(record);
    for (const listener of this.#listeners) listener(record);
  }

  fault(error: unknown, requestId: string | undefined): void {
    const record: FaultRecord = {
      level: 'error',
      at: new Date().toISOString(),
      request_id: requestId ?? null,
      message: String(error),
      ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
    };
    this.#line(record);
  }

  /** JSON escapes what would end a line; U+2028, U+2029 and U+0085 it does not (case LG-04). */
  #line(record: RequestRecord | FaultRecord): void {
    this.write(
      JSON.stringify(record).replace(
        /[\u007f-\u009f\u2028\u2029]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
    );
  }
}
