import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireProblem } from '../wire.ts';
import { TakeUpload, type UploadTools } from './take-upload.ts';

/** What goes wrong with one request: before it arrives, after a part of it, after all of it, or by an answer. */
type Fault = 'none' | 'lost before' | 'lost after' | { cutAt: number } | 503 | 423;

/** A tus server in memory that keeps what arrived, as ours does. */
class TusServer {
  bytes = Buffer.alloc(0);
  length: number | undefined;
  created = 0;
  deleted = 0;
  received = 0;
  constructor(private readonly faults: Fault[] = []) {}

  readonly tools: UploadTools = { send: (path, init) => this.#answer(path, init), wait: () => Promise.resolve() };

  async #answer(path: string, init: RequestInit): Promise<Response> {
    const fault = init.method === 'DELETE' ? 'none' : (this.faults.shift() ?? 'none');
    if (fault === 'lost before') throw new WireProblem('network', 0, '');
    if (typeof fault === 'number') return new Response('busy', { status: fault });
    const answer = await this.#handle(path, init, typeof fault === 'object' ? fault.cutAt : Infinity);
    if (fault !== 'none') throw new WireProblem('network', 0, '');
    return answer;
  }

  async #handle(path: string, { method, headers, body }: RequestInit, cutAt: number): Promise<Response> {
    const sent = new Headers(headers);
    if (method === 'POST') {
      this.created++;
      return new Response(null, { status: 201, headers: { location: 'https://evil.example/v1/uploads/u1' } });
    }
    expect(path).toBe('/v1/uploads/u1');
    if (method === 'DELETE') return (this.deleted++, new Response(null, { status: 204 }));
    const known: Record<string, string> = this.length === undefined ? {} : { 'upload-length': String(this.length) };
    if (method === 'HEAD')
      return new Response(null, { status: 200, headers: { ...known, 'upload-offset': String(this.bytes.length) } });
    if (sent.get('upload-offset') !== String(this.bytes.length))
      return new Response(JSON.stringify({ code: 'upload-offset-conflict' }), { status: 409 });
    if (sent.has('upload-length')) {
      // As @tus/server does it: the length is said once.
      if (this.length !== undefined) return new Response('{}', { status: 400 });
      this.length = Number(sent.get('upload-length'));
    }
    const bytes = Buffer.from(await (body as Blob).arrayBuffer()).subarray(0, cutAt);
    this.received += bytes.length;
    this.bytes = Buffer.concat([this.bytes, bytes]);
    return new Response(null, { status: 204, headers: { 'upload-offset': String(this.bytes.length) } });
  }
}

const pieces = (sizes: number[]): Buffer[] => sizes.map((size, i) => Buffer.alloc(size, i + 1));
const blob = (bytes: Buffer): Blob => new Blob([new Uint8Array(bytes)]);

describe('the upload of a clip that is still being recorded', () => {
  it('sends what there is while it grows, and says the length once, at the end', async () => {
    const server = new TusServer();
    const sent: number[] = [];
    const upload = new TakeUpload(
      server.tools,
      { kind: 'consent-clip', name: 'मीरा' },
      { progress: (bytes) => sent.push(bytes) },
    );
    const done = upload.run();
    upload.append(blob(Buffer.alloc(300_000, 1)));
    await expect.poll(() => server.bytes.length).toBe(300_000);
    expect(server.length).toBeUndefined();
    upload.append(blob(Buffer.alloc(10, 2)));
    upload.end();
    expect(await done).toBe('u1');
    expect(server.length).toBe(300_010);
    expect(sent.at(-1)).toBe(300_010);
  });

  it('ends with the same bytes through lost requests, lost answers, cuts at any byte, locks and a busy server', async () => {
    const fault = fc.oneof(
      { weight: 3, arbitrary: fc.constant<Fault>('none') },
      fc.constantFrom<Fault>('lost before', 'lost after', 503, 423),
      fc.nat({ max: 300_000 }).map((cutAt): Fault => ({ cutAt })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 25 }), fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 6 }), async (faults, sizes) => {
        const server = new TusServer(faults);
        const upload = new TakeUpload(server.tools, {});
        const done = upload.run();
        for (const piece of pieces(sizes)) {
          upload.append(blob(piece));
          await new Promise((resolve) => setImmediate(resolve));
        }
        upload.end();
        await done;
        expect(server.bytes.equals(Buffer.concat(pieces(sizes)))).toBe(true);
        // Nothing that arrived is sent again.
        expect(server.received).toBe(server.bytes.length);
        expect(server.length).toBe(server.bytes.length);
      }),
      { numRuns: 60 },
    ); // prettier-ignore
  });

  it('goes on where an earlier page stopped', async () => {
    const server = new TusServer();
    server.bytes = Buffer.alloc(70, 1);
    const upload = new TakeUpload(server.tools, {}, {}, '/v1/uploads/u1');
    for (const piece of pieces([100, 50])) upload.append(blob(piece));
    upload.end();
    await upload.run();
    expect(server.created).toBe(0);
    expect(server.received).toBe(80);
    expect(server.bytes.equals(Buffer.concat(pieces([100, 50])))).toBe(true);
  });

  it('knows an upload that was finished before, whose answer was lost', async () => {
    const server = new TusServer();
    server.bytes = Buffer.alloc(100, 1);
    server.length = 100;
    const upload = new TakeUpload(server.tools, {}, {}, '/v1/uploads/u1');
    upload.append(blob(server.bytes));
    upload.end();
    expect(await upload.run()).toBe('u1');
    expect(server.received).toBe(0);
  });

  it('gives up when the server holds bytes that are not ours, and when it refuses', async () => {
    const server = new TusServer();
    server.bytes = Buffer.alloc(500);
    const foreign = new TakeUpload(server.tools, {}, {}, '/v1/uploads/u1');
    foreign.append(blob(Buffer.alloc(10)));
    foreign.end();
    await expect(foreign.run()).rejects.toMatchObject({ slug: 'capture-interrupted' });
    const refusing: UploadTools = {
      send: () =>
        Promise.resolve(new Response(JSON.stringify({ code: 'upload-too-large', detail: 'At most 200 MB.' }), { status: 413 })),
      wait: () => Promise.reject(new Error('must not wait')),
    };
    await expect(new TakeUpload(refusing, {}).run()).rejects.toMatchObject({ slug: 'upload-too-large', status: 413 });
  });

  it('takes back what was sent when the take is thrown away', async () => {
    const server = new TusServer();
    const upload = new TakeUpload(server.tools, {});
    const run = upload.run();
    upload.append(blob(Buffer.alloc(10)));
    await expect.poll(() => server.bytes.length).toBe(10);
    await upload.cancel();
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.deleted).toBe(1);
  });
});
