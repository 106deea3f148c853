import 'reflect-metadata';
import { connect } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InvalidInputError } from '#kernel';
import { DoorsAdapter } from './doors.adapter.ts';
import { requireDeclaredRoutes } from './http.module.ts';
import { decodeCursor, encodeCursor, idCursor, page } from './page.ts';
import { RequestLog } from './request-log.ts';
import { ROUTE_SPEC, Route, RouteController, type RouteSpec, declaredRoutes, takesIdempotencyKey } from './route.ts';

const spec = (over: Record<string, unknown>): RouteSpec =>
  ({
    method: 'GET', path: '/x', permission: 'public', tag: 't', summary: 's', responses: { 200: { description: 'd' } }, ...over,
  }) as unknown as RouteSpec; // prettier-ignore

describe('a route', () => {
  it.each([
    ['without a permission', { permission: undefined }],
    ['with a permission that is not in the table', { permission: 'subjects.everything' }],
    ['with a name that every object has', { permission: 'constructor' }],
    ['without a slash', { path: 'x' }],
    ['without a success', { responses: { 400: { description: 'd' } } }],
    ['with JSON and a stream', { body: z.strictObject({}), stream: { mediaTypes: ['*/*'], description: 'd' } }],
  ])('%s does not load', (_, over) => {
    expect(() => Route(spec(over))).toThrow(/the route GET/);
  });

  it('is declared once', () => {
    class Twice {
      @Route(spec({ path: '/twice' }))
      first(): void {}
    }
    expect(new Twice()).toBeDefined();
    expect(() => Route(spec({ path: '/twice' }))).toThrow(/twice/);
    expect(declaredRoutes().filter(({ path }) => path === '/twice')).toHaveLength(1);
  });

  it('takes an Idempotency-Key where something changes and somebody is known', () => {
    const taken = (over: Record<string, unknown>): boolean => takesIdempotencyKey(spec(over));
    expect(taken({ method: 'POST', permission: 'subjects.write' })).toBe(true);
    expect(taken({ method: 'DELETE', permission: 'subjects.erase' })).toBe(true);
    expect(taken({ method: 'GET', permission: 'subjects.read' })).toBe(false);
    expect(taken({ method: 'POST', permission: 'public' })).toBe(false);
    expect(taken({ method: 'PATCH', permission: 'uploads.create', stream: { mediaTypes: [], description: '' } })).toBe(false);
  });
});

describe('a process with an undeclared route', () => {
  const log = new RequestLog(() => undefined);
  let close: (() => Promise<void>) | undefined;
  afterEach(async () => close?.());

  it('does not start when a controller was decorated past @Route', async () => {
    @RouteController()
    class Careful {
      @Route(spec({ path: '/careful' }))
      fine(): void {}
    }
    @Controller()
    class Careless {
      @Get('/open')
      open(): string {
        return 'everybody';
      }
    }
    @Module({ controllers: [Careful, Careless] })
    class App {}
    const context = await NestFactory.createApplicationContext(App, { logger: false });
    close = () => context.close();
    expect(() => requireDeclaredRoutes(context.get(ModulesContainer))).toThrow(
      'routes without a declared permission: Careless.open',
    );
    const app = NestFactory.create(App, new DoorsAdapter({ trustedProxies: [], log }), {
      logger: false,
      bodyParser: false,
      abortOnError: false,
    });
    await expect(app.then((made) => made.init())).rejects.toThrow(/GET \/open declares no permission/);
  });

  it('does not start when somebody put a route onto Fastify itself', () => {
    const fastify = new DoorsAdapter({ trustedProxies: [], log }).getInstance<FastifyInstance>();
    expect(() => fastify.get('/backdoor', () => 'x')).toThrow(/declares no permission/);
  });
});

describe('a body that trickles in', () => {
  it('is cut off, and holds no connection', async () => {
    const fastify = new DoorsAdapter({
      trustedProxies: [], log: new RequestLog(() => undefined), bodyTimeoutMs: 50,
    }).getInstance<FastifyInstance>(); // prettier-ignore
    fastify.post('/slow', { config: { [ROUTE_SPEC]: spec({ method: 'POST', path: '/slow' }) } }, (request) =>
      (request.body as Buffer).toString(),
    );
    // An answer that takes longer than a body may: a request without a body, whatever type it names, is not cut.
    fastify.get('/long', { config: { [ROUTE_SPEC]: spec({ path: '/long' }) } }, (_request, reply) => {
      reply.hijack();
      reply.raw.write('begun ');
      setTimeout(() => reply.raw.end('and ended'), 300);
    });
    const { hostname, port } = new URL(await fastify.listen({ port: 0, host: '127.0.0.1' }));
    try {
      const long = await fetch(`http://${hostname}:${port}/long`, { headers: { 'content-type': 'application/json' } });
      expect(await long.text()).toBe('begun and ended');
      const whole = await fetch(`http://${hostname}:${port}/slow`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      expect([whole.status, await whole.text()]).toEqual([200, '{}']);
      const closed = await new Promise<boolean>((done) => {
        const socket = connect(Number(port), hostname, () =>
          socket.write('POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'),
        );
        socket.on('error', () => undefined).on('close', () => done(true));
      });
      expect(closed).toBe(true);
    } finally {
      await fastify.close();
    }
  });
});

describe('a body that was refused half-way', () => {
  it('is read over, so that a client which sends before it listens hears its refusal', async () => {
    const fastify = new DoorsAdapter({ trustedProxies: [], log: new RequestLog(() => undefined) }).getInstance<FastifyInstance>();
    fastify.post('/half', { config: { [ROUTE_SPEC]: spec({ method: 'POST', path: '/half' }) } }, async (request) => {
      for await (const _ of request.raw.iterator({ destroyOnReturn: false })) break;
      throw new InvalidInputError('not this one');
    });
    const { hostname, port } = new URL(await fastify.listen({ port: 0, host: '127.0.0.1' }));
    try {
      const heard = await new Promise<string>((done) => {
        let text = '';
        // Half a megabyte at a time, and the next one only when the network took the last: more than all buffers between hold.
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            'POST /half HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: video/mp4\r\nContent-Length: 20971520\r\n\r\n',
          );
          let left = 40;
          const more = (): void => {
            if (left-- > 0) socket.write(Buffer.alloc(524_288), more);
          };
          more();
        });
        socket
          .on('data', (data) => (text += data.toString()))
          .on('error', () => undefined)
          .on('close', () => done(text));
      });
      expect(heard).toMatch(/^HTTP\/1\.1 422/);
      expect(heard).toContain('"code":"invalid-input"');
    } finally {
      await fastify.close();
    }
  });
});

describe('pages', () => {
  const rows = (n: number): { id: string }[] => Array.from({ length: n }, (_, i) => ({ id: `r${i}` }));
  it('say that nothing follows exactly when nothing does', () => {
    expect(page(rows(3), 3, (row) => [row.id])).toEqual({ data: rows(3), next_cursor: null });
    expect(page(rows(4), 3, (row) => [row.id])).toEqual({ data: rows(3), next_cursor: encodeCursor(['r2']) });
    expect(page([], 3, () => [])).toEqual({ data: [], next_cursor: null });
  });

  it('carry exact values: a time of PostgreSQL keeps its microseconds', () => {
    const exact = '2026-11-25 10:13:12.123456+00';
    expect(decodeCursor(z.tuple([z.string(), z.int()]), encodeCursor([exact, 9_007_199_254_740_991]))).toEqual([
      exact,
      9_007_199_254_740_991,
    ]);
  });

  it.each(['', 'x', '!!', 'W10', encodeCursor([1]), encodeCursor(['not-a-uuid']), encodeCursor(['0199d3c0-0000-7000-8000-000000000000', 1])])(
    'refuse a cursor of something else: %j',
    (cursor) => expect(() => idCursor(cursor)).toThrow(InvalidInputError),
  ); // prettier-ignore

  it('begin without one', () => expect(idCursor(undefined)).toBeUndefined());
});
