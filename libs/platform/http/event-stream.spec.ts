import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EventStream, closeEventStreams, lastEventId, openEventStream } from './event-stream.ts';

let app: FastifyInstance;
let url: string;
const streams: EventStream[] = [];
beforeAll(async () => {
  app = fastify({ forceCloseConnections: true });
  app.get('/events', (request, reply) => {
    const stream = openEventStream(reply, { retryMs: 1500, heartbeatMs: 50 });
    streams.push(stream);
    const from = Number(lastEventId(request) ?? 0);
    for (let id = from + 1; id <= 3; id++) stream.send({ id, event: 'progress', data: { text: 'a\nb\u2028', id } });
    if (request.headers['x-close'] !== undefined) {
      stream.send({ event: 'end\r\ndata: forged', data: null });
      stream.close();
    }
  });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => app.close());

describe('an event stream (case OP-04)', () => {
  it('cannot be held back or changed by a proxy, tells when to come back, and ends', async () => {
    const response = await fetch(`${url}/events`, { headers: { 'x-close': '1' } });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no',
    }); // prettier-ignore
    expect(response.headers.get('content-encoding')).toBeNull();
    const text = await response.text();
    expect(text.startsWith('retry: 1500\n\n')).toBe(true);
    expect(text).toContain('id: 1\nevent: progress\ndata: {"text":"a\\nb\u2028","id":1}\n\n');
    expect(text).toContain('event: end  data: forged\ndata: null\n\n'); // one event stays one event
  });

  it('goes on behind the last event that was seen', async () => {
    const text = await (await fetch(`${url}/events`, { headers: { 'x-close': '1', 'last-event-id': '2' } })).text();
    expect([...text.matchAll(/^id: (\d)$/gm)].map(([, id]) => id)).toEqual(['3']);
  });

  it('beats while nothing happens, and stops when the client goes', async () => {
    const { hostname, port } = new URL(url);
    const heard = await new Promise<string>((done) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.on('data', (data) => {
        text += data.toString();
        if ((text.match(/^:$/gm) ?? []).length >= 3) socket.destroy();
      });
      socket.on('close', () => done(text));
    });
    expect(heard).toContain('retry: 1500');
    const stream = streams.at(-1)!;
    for (let i = 0; i < 100 && !stream.signal.aborted; i++) await sleep(10);
    expect(stream.signal.aborted).toBe(true);
    stream.send({ event: 'late', data: 1 }); // to nobody, and no fault
  });

  it('ends for a client that reads nothing, instead of keeping everything for it', async () => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n'));
    const count = streams.length;
    while (streams.length === count) await sleep(5);
    socket.pause();
    const stream = streams.at(-1)!;
    for (let i = 0; i < 1000 && !stream.signal.aborted; i++) {
      stream.send({ event: 'big', data: 'x'.repeat(65_536) });
      if (i % 50 === 0) await sleep(1);
    }
    expect(stream.signal.aborted).toBe(true);
    socket.destroy();
  });

  it('is described to HEAD and not opened', async () => {
    const response = await fetch(`${url}/events`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(streams.at(-1)!.signal.aborted).toBe(true);
  });

  it('does not keep a server from stopping', async () => {
    const response = await fetch(`${url}/events`);
    const stream = streams.at(-1)!;
    closeEventStreams(app);
    expect(stream.signal.aborted).toBe(true);
    expect(await response.text()).toContain('retry: 1500'); // it ended, whole
  });
});
