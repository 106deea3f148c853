import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '#kernel';

export class RangeNotSatisfiableError extends DomainError {
  override readonly problem = {
    slug: 'range-not-satisfiable',
    status: 416,
    title: 'The file does not hold these bytes',
  } as const;
}

export interface RangedFile {
  /** Size of the whole. */
  readonly bytes: number;
  readonly mediaType: string;
  /** Of the whole, hex: the strong ETag. */
  readonly sha256: string;
  /** ASCII, ours: a person's file names are stored nowhere. */
  readonly fileName: string;
  /** Bytes `start` up to, not including, `end`. Called once at most; not for HEAD. */
  open(start: number, end: number): Readable | Promise<Readable>;
}

/**
 * Answers with a file or a part of it (RFC 9110 §14): 200, 206, 304, 416, HEAD. One range; several get the whole, as the RFC allows. The
 * source is destroyed when the client goes, and a source that fails cuts the connection: a short file is never taken for whole.
 * @throws RangeNotSatisfiableError
 */
export async function sendRange(request: FastifyRequest, reply: FastifyReply, file: RangedFile): Promise<void> {
  const etag = `"${file.sha256}"`;
  reply.headers({
    'accept-ranges': 'bytes',
    etag,
    // A person's picture: no shared cache, and none on a disk (case LE-01).
    'cache-control': 'private, no-store',
    'content-disposition': `attachment; filename="${file.fileName.replace(/[^\w.-]/g, '_')}"`,
  });
  const { 'if-none-match': known, 'if-range': onlyIf, range: wanted } = request.headers;
  if (known !== undefined && known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)) {
    reply.code(304).send();
    return;
  }
  // If-Range with another tag, or with a date (we give none): the file changed, so its part would not fit.
  const range = onlyIf === undefined || onlyIf === etag ? parseRange(wanted, file.bytes) : undefined;
  if (range === 'outside') {
    reply.header('content-range', `bytes */${file.bytes}`);
    const error = new RangeNotSatisfiableError(`The file has ${file.bytes} bytes.`, { bytes: file.bytes });
    throw error;
  }
  const { start, end } = range ?? { start: 0, end: file.bytes };
  reply.code(range ? 206 : 200).headers({ 'content-type': file.mediaType, 'content-length': end - start });
  if (range) reply.header('content-range', `bytes ${start}-${end - 1}/${file.bytes}`);
  if (request.method === 'HEAD') {
    // Fastify would count an empty body: the length of the file is what was asked for.
    reply.hijack();
    reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>).end();
    return;
  }
  const source = await file.open(start, end);
  // Nobody is there any more: then Fastify would never see a close that it could end the source on.
  if (reply.raw.destroyed) source.destroy();
  else reply.send(source);
}

/** Undefined: the whole. One `bytes=` range; malformed ones are ignored, as RFC 9110 §14.2 says. */
export function parseRange(header: string | undefined, bytes: number): { start: number; end: number } | 'outside' | undefined {
  const found = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/.exec(header?.trim() ?? '');
  if (!found) return undefined;
  const [, first, last, suffix] = found;
  if (suffix !== undefined) {
    if (Number(suffix) === 0 || bytes === 0) return 'outside';
    return { start: Math.max(0, bytes - Number(suffix)), end: bytes };
  }
  const start = Number(first);
  const end = last === '' ? bytes : Math.min(Number(last) + 1, bytes);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= bytes ? 'outside' : { start, end };
}
