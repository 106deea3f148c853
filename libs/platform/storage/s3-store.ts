import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, S3Error } from 'minio';
import { DomainError } from '#kernel';
import { ObjectCorruptError } from './chunked-cipher.ts';
import { type ObjectStore, insideStore } from './object-store.ts';
import { regroup } from './regroup.ts';

/** The object store cannot be reached, or does not do what we ask. */
export class StorageUnavailableError extends DomainError {
  override readonly problem = { slug: 'storage-unavailable', status: 503, title: 'The object store does not answer' } as const;
}

export interface S3Options {
  /** Scheme, host and port. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  readonly pathStyle: boolean;
  /** Longest silence of the server, in ms. */
  readonly timeoutMs?: number;
}

/** Bytes of one part: what a write holds in memory. S3 allows 10,000 parts, so an object ends at 78 GiB. */
export const PART = 8 * 1024 * 1024;
const TRIES = 3;

/**
 * The production driver: one bucket of any S3 server, through the `minio` client.
 *
 * What the client would do by itself and we do not let it: buffer half a gigabyte per stream, wait for ever for a stream that broke,
 * print its retries. Redirects are never followed: a signed request goes to the configured address or nowhere.
 */
export class S3Store implements ObjectStore {
  readonly #client: Client;
  readonly #bucket: string;

  constructor(options: S3Options) {
    const { protocol, hostname, port } = new URL(options.endpoint);
    const useSSL = protocol === 'https:';
    this.#bucket = options.bucket;
    this.#client = new Client({
      endPoint: hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      useSSL,
      accessKey: options.accessKey,
      secretKey: options.secretKey,
      region: options.region, // given, so that the client never asks some other address for it
      pathStyle: options.pathStyle,
      partSize: PART,
      transport: impatient(useSSL ? https : http, options.timeoutMs ?? 60_000),
      retryOptions: { disableRetry: true },
    });
  }

  async put(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const key = insideStore(path);
    let upload: MultipartUpload | undefined;
    let held: Buffer | undefined;
    try {
      // One part is held back: an object of one part is one atomic PUT, and most are.
      for await (const part of regroup(bytes, PART)) {
        if (held) {
          upload ??= await this.#begin(key);
          await upload.send(held);
        }
        held = part;
      }
      if (upload === undefined) {
        const whole = held ?? Buffer.alloc(0);
        await this.#ask(() => this.#client.putObject(this.#bucket, key, whole, whole.length));
      } else {
        await upload.send(held!);
        await upload.complete();
      }
    } catch (error) {
      // Not aborted now: the parts are listed, and the sweep of orphans takes them. The first error is the one to tell.
      await upload?.abort().catch(() => undefined);
      throw error;
    }
  }

  async *get(path: string, start: number, end: number): AsyncIterable<Uint8Array> {
    const key = insideStore(path);
    if (end <= start) return;
    let stream;
    try {
      stream = await this.#ask(() => this.#client.getPartialObject(this.#bucket, key, start, end - start));
    } catch (cause) {
      if (codeOf(cause) === 'InvalidRange') return; // starts behind the end
      if (isMissing(cause)) throw new ObjectCorruptError('The bytes of an object are missing from the store.', {}, { cause });
      throw cause;
    }
    try {
      for await (const chunk of stream) yield chunk as Buffer;
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  async size(path: string): Promise<number | undefined> {
    const key = insideStore(path);
    try {
      return (await this.#ask(() => this.#client.statObject(this.#bucket, key))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(path: string): Promise<void> {
    const key = insideStore(path);
    for await (const upload of this.#incomplete(key)) {
      if (upload.key === key) await this.#ask(() => this.#client.abortMultipartUpload(this.#bucket, key, upload.uploadId));
    }
    await this.#ask(() => this.#client.removeObject(this.#bucket, key));
  }

  async *list(prefix: string): AsyncIterable<{ path: string; modified: Date }> {
    const folder = `${insideStore(prefix)}/`;
    try {
      for await (const item of this.#client.listObjectsV2(this.#bucket, folder, true) as AsyncIterable<Listed>)
        if (item.name !== undefined) yield { path: item.name, modified: item.lastModified! };
    } catch (cause) {
      throw unavailable(cause);
    }
    for await (const { key, initiated } of this.#incomplete(folder)) yield { path: key, modified: new Date(initiated) };
  }

  /** @throws StorageUnavailableError when the bucket cannot be used: before any work, not in the middle of it. */
  async requireBucket(): Promise<void> {
    const exists = await this.#ask(() => this.#client.bucketExists(this.#bucket));
    if (!exists)
      throw new StorageUnavailableError(`The bucket "${this.#bucket}" does not exist. Create it, or correct S3_BUCKET.`);
  }

  /** Uploads that a crash cut off: invisible to a listing of objects, and they cost space. */
  async *#incomplete(prefix: string): AsyncIterable<{ key: string; uploadId: string; initiated: Date }> {
    let [keyMarker, uploadMarker] = ['', ''];
    for (;;) {
      const page = await this.#ask(() =>
        this.#client.listIncompleteUploadsQuery(this.#bucket, prefix, keyMarker, uploadMarker, ''),
      );
      yield* page.uploads;
      if (!page.isTruncated) return;
      [keyMarker, uploadMarker] = [page.nextKeyMarker, page.nextUploadIdMarker];
    }
  }

  async #begin(key: string): Promise<MultipartUpload> {
    const bucketName = this.#bucket;
    const uploadID = await this.#ask(() => this.#client.initiateNewMultipartUpload(bucketName, key, {}));
    const parts: { part: number; etag: string }[] = [];
    return {
      send: async (bytes) => {
        const partNumber = parts.length + 1;
        const { etag } = await this.#ask(() =>
          this.#client.uploadPart({ bucketName, objectName: key, uploadID, partNumber, headers: {} }, bytes),
        );
        parts.push({ part: partNumber, etag });
      },
      complete: async () => void (await this.#ask(() => this.#client.completeMultipartUpload(bucketName, key, uploadID, parts))),
      abort: () => this.#ask(() => this.#client.abortMultipartUpload(bucketName, key, uploadID)),
    };
  }

  /** Each request can be repeated: bodies are buffers, and a repeated part or delete changes nothing. */
  async #ask<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (isMissing(error) || codeOf(error) === 'InvalidRange') throw error;
        if (attempt === TRIES || error instanceof S3Error) throw unavailable(error);
        await sleep(100 * 4 ** (attempt - 1));
      }
    }
  }
}

interface MultipartUpload {
  send(bytes: Buffer): Promise<void>;
  complete(): Promise<void>;
  abort(): Promise<void>;
}
interface Listed {
  readonly name?: string;
  readonly lastModified?: Date;
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;
const isMissing = (error: unknown): boolean => ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(codeOf(error) ?? '');

function unavailable(cause: unknown): StorageUnavailableError {
  if (cause instanceof StorageUnavailableError) return cause;
  const code = codeOf(cause) ?? /HTTP status: (\d+)/.exec(String(cause))?.[1] ?? 'unknown';
  return new StorageUnavailableError(`The object store answered ${code}. Check S3_ENDPOINT, the bucket and its keys; then try again.`, { code }, { cause }); // prettier-ignore
}

/** node:http waits for ever for a server that accepts and then says nothing. */
const impatient = (transport: typeof http | typeof https, timeoutMs: number): Pick<typeof http, 'request'> => ({
  request: ((options: https.RequestOptions, answer: (response: http.IncomingMessage) => void) => {
    const request = transport.request(options, answer);
    request.setTimeout(timeoutMs, () =>
      request.destroy(Object.assign(new Error(`no answer for ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
    );
    return request;
  }) as typeof http.request,
});
