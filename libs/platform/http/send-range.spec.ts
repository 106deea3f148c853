import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RangeNotSatisfiableError, parseRange, sendRange } from './send-range.ts';

const FILE = randomBytes(300_000);
const SHA256 = createHash('sha256').update(FILE).digest('hex');
const opened: { start: number; end: number; stream: Readable }[] = [];
let app: FastifyInstance;
let url: string;

beforeAll(async () => {
  app = fastify({ forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) => reply.code(error instanceof RangeNotSatisfiableError ? 416 : 500).send());
  const open = (start: number, end: number, pieces: () => AsyncGenerator<Buffer>): Readable => {
    const stream = Readable.from(pieces());
    opened.push({ start, end, stream });
    return stream;
  };
  const meta = { bytes: FILE.length, mediaType: 'video/mp4', sha256: SHA256, fileName: 'render "1"\r\n.mp4' };
  app.get('/file', async (request, reply) => {
    await sendRange(request, reply, {
      ...meta,
      open: (start, end) =>
        open(start, end, async function* () {
          for (let at = start; at < end; at += 4096) yield FILE.subarray(at, Math.min(at + 4096, end));
        }),
    });
    return reply;
  });
  app.get('/slow', async (request, reply) => {
    await sendRange(request, reply, {
      ...meta,
      open: (start, end) =>
        open(start, end, async function* () {
          for (;;) {
            yield Buffer.alloc(1000);
            await sleep(5);
          }
        }),
    });
    return reply;
  });
  app.get('/failing', async (request, reply) => {
    await sendRange(request, reply, {
      ...meta,
      open: (start, end) =>
        open(start, end, async function* () {
          yield FILE.subarray(0, 1000);
          throw new Error('the object is damaged');
        }),
    });
    return reply;
  });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => app.close());

const get = (headers: Record<string, string> = {}, method = 'GET', path = '/file') => fetch(url + path, { method, headers });
const bytes = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

describe('a file', () => {
  it('is sent whole, with its strong tag, and kept by no cache', async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-length': '300000', 'content-type': 'video/mp4', etag: `"${SHA256}"`, 'accept-ranges': 'bytes',
      'cache-control': 'private, no-store', 'content-disposition': 'attachment; filename="render__1___.mp4"',
    }); // prettier-ignore
    expect((await bytes(response)).equals(FILE)).toBe(true);
  });

  it.each([
    ['bytes=0-0', 0, 1], ['bytes=0-99', 0, 100], ['bytes=299999-', 299_999, 300_000], ['bytes=-1', 299_999, 300_000],
    ['bytes=-999999', 0, 300_000], ['bytes=100000-999999', 100_000, 300_000],
  ])('in part: %s', async (range, start, end) => {
    const response = await get({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(response.headers.get('content-length')).toBe(String(end - start));
    expect((await bytes(response)).equals(FILE.subarray(start, end))).toBe(true);
  }); // prettier-ignore

  it.each(['bytes=300000-', 'bytes=-0', 'bytes=400000-500000'])('does not hold %s: 416 with its size', async (range) => {
    const response = await get({ range });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */300000']);
  });

  it.each(['bytes=5-2', 'bytes=a-b', 'chunks=0-1', 'bytes=0-1,5-6', 'bytes=', 'bytes=--1', 'bytes=1'])('whole for a range that is none: %s', async (range) => {
    const response = await get({ range });
    expect(response.status).toBe(200);
    expect((await bytes(response)).length).toBe(300_000);
  }); // prettier-ignore

  it('in part only while it is the same file', async () => {
    const part = await get({ range: 'bytes=0-9', 'if-range': `"${SHA256}"` });
    expect(part.status).toBe(206);
    await part.arrayBuffer();
    for (const known of ['"other"', `W/"${SHA256}"`, 'Wed, 21 Oct 2015 07:28:00 GMT']) {
      const whole = await get({ range: 'bytes=0-9', 'if-range': known });
      expect([known, whole.status]).toEqual([known, 200]);
      await whole.arrayBuffer();
    }
  });

  it('is not sent to who has it', async () => {
    expect((await get({ 'if-none-match': `"x", W/"${SHA256}"` })).status).toBe(304);
  });

  it('is only described to HEAD: nothing is opened', async () => {
    const before = opened.length;
    for (const [headers, status, length] of [[{}, 200, '300000'], [{ range: 'bytes=0-9' }, 206, '10']] as const) {
      const response = await get(headers, 'HEAD');
      expect([response.status, response.headers.get('content-length')]).toEqual([status, length]);
    } // prettier-ignore
    expect(opened.length).toBe(before);
  });

  it('any range is the slice of an array, or none', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.option(fc.nat(60)), fc.option(fc.nat(60)), (size, first, last) => {
        const range = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, size);
        if (range === undefined || range === 'outside') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThan(range.start);
        expect(range.end).toBeLessThanOrEqual(size);
      }),
    );
  });
});

describe('a client that goes away', () => {
  it('in the middle of a file leaves no open source, fifty times', async () => {
    const before = opened.length;
    const { hostname, port } = new URL(url);
    await Promise.all(
      Array.from({ length: 50 }, () =>
        new Promise<void>((done) => {
          const socket = connect(Number(port), hostname, () => socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n'));
          socket.once('data', () => socket.destroy());
          socket.on('close', () => done());
        }),
      ),
    ); // prettier-ignore
    const mine = opened.slice(before);
    expect(mine).toHaveLength(50);
    for (let i = 0; i < 100 && !mine.every(({ stream }) => stream.destroyed); i++) await sleep(20);
    expect(mine.filter(({ stream }) => !stream.destroyed)).toEqual([]);
  });

  it('and a source that fails cuts the connection: a short file is never taken for whole', async () => {
    const response = await get({}, 'GET', '/failing');
    await expect(response.arrayBuffer()).rejects.toThrow();
  });
});
