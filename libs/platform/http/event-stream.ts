import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface EventStreamOptions {
  /** How long a client waits before it connects again. */
  readonly retryMs: number;
  /** A line without meaning this often, so that no proxy takes the stream for dead. At most 15 s. */
  readonly heartbeatMs: number;
}

export interface ServerEvent {
  readonly id?: string | number;
  readonly event: string;
  readonly data: unknown;
}

export interface EventStream {
  send(event: ServerEvent): void;
  /** Ends the stream; the client connects again after `retryMs` unless it was told not to. */
  close(): void;
  /** Aborts when the client is gone, reads too slowly, or the stream was closed. */
  readonly signal: AbortSignal;
}

/** A client that reads nothing holds this much of ours at most. */
const MAX_BUFFERED = 1024 * 1024;

/** Streams of each server: a stream has no end of its own, so a server that stops ends them, or it would wait for ever. */
const open = new WeakMap<object, Set<() => void>>();

/** Part of stopping: clients connect again, to whoever answers then. */
export function closeEventStreams({ server }: FastifyInstance): void {
  for (const close of open.get(server) ?? []) close();
}

/**
 * Server-sent events (WHATWG HTML §9.2). Takes the answer over: the handler returns nothing. Proxies neither buffer nor change it
 * (case OP-04): `X-Accel-Buffering: no`, `no-transform`, no compression, the first bytes at once.
 */
export function openEventStream(reply: FastifyReply, { retryMs, heartbeatMs }: EventStreamOptions): EventStream {
  reply.hijack();
  const { raw } = reply;
  const gone = new AbortController();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    connection: 'keep-alive',
  });
  const write = (text: string): void => {
    if (gone.signal.aborted) return;
    raw.write(text);
    if (raw.writableLength > MAX_BUFFERED) end(() => raw.destroy());
  };
  const { server } = reply.server;
  const streams = open.get(server) ?? new Set();
  open.set(server, streams);
  const end = (how: () => void): void => {
    if (gone.signal.aborted) return;
    clearInterval(heartbeat);
    streams.delete(close);
    gone.abort();
    how();
  };
  const heartbeat = setInterval(() => write(':\n\n'), Math.min(heartbeatMs, 15_000));
  const close = (): void => end(() => raw.end());
  streams.add(close);
  raw.once('close', () => end(() => undefined));
  raw.once('error', () => end(() => undefined)); // a reset connection: the same as closed, and there is nobody to tell
  write(`retry: ${Math.round(retryMs)}\n\n`);
  if (reply.request.method === 'HEAD') close();
  return {
    send: ({ id, event, data }) =>
      write(
        `${id === undefined ? '' : `id: ${oneLine(String(id))}\n`}event: ${oneLine(event)}\ndata: ${JSON.stringify(data)}\n\n`,
      ),
    close,
    signal: gone.signal,
  };
}

/** Where a client that was cut off goes on: the `id` of the last event that it saw. */
export function lastEventId(request: FastifyRequest): string | undefined {
  const value = request.headers['last-event-id'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

const oneLine = (text: string): string => text.replace(/[\r\n\0]/g, ' ');
