import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brotliDecompressSync } from 'node:zlib';
import { registerPages } from './pages.ts';

let fastify: FastifyInstance;
beforeAll(async () => {
  fastify = Fastify();
  registerPages(fastify);
  await fastify.ready();
});
afterAll(() => fastify.close());

describe('the pages as files', () => {
  it.each(['/', '/consent/', '/verify/'])('%s allows no inline script, no frame and no other host', async (url) => {
    const { statusCode, headers, body } = await fastify.inject({ url });
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*|data:/);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|https?:\/\//);
  });

  it('lets only the consent page ask for the camera', async () => {
    expect((await fastify.inject({ url: '/consent/' })).headers['permissions-policy']).toContain('camera=(self)');
    expect((await fastify.inject({ url: '/verify/' })).headers['permissions-policy']).toContain('camera=()');
  });

  it('keeps hashed files for ever and pages not at all, packed where the browser can unpack', async () => {
    const html = await fastify.inject({ url: '/consent/' });
    expect(html.headers['cache-control']).toBe('no-cache');
    const script = /src="(\/assets\/[^"]+)"/.exec(html.body)![1]!;
    const plain = await fastify.inject({ url: script });
    const packed = await fastify.inject({ url: script, headers: { 'accept-encoding': 'gzip, br' } });
    expect(plain.headers['cache-control']).toContain('immutable');
    expect(packed.headers['content-encoding']).toBe('br');
    expect(packed.headers['vary']).toBe('accept-encoding');
    expect(brotliDecompressSync(packed.rawPayload).equals(plain.rawPayload)).toBe(true);
    expect((await fastify.inject({ method: 'HEAD', url: script })).statusCode).toBe(200);
  });

  it.each([
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/consent/..%2f..%2fpackage.json',
    '/assets/',
    '/web.stamp',
  ])('does not reach any other file: %s', async (url) => {
    expect((await fastify.inject({ url })).statusCode).toBe(404);
  });

  it('sends a link without the slash on, and says what is missing where nothing was built', async () => {
    const { statusCode, headers } = await fastify.inject({ url: '/consent' });
    expect([statusCode, headers.location]).toEqual([308, '/consent/']);
    const bare = Fastify();
    registerPages(bare, '/nowhere');
    expect((await bare.inject({ url: '/verify/' })).json<{ message: string }>().message).toContain('npm run build');
    await bare.close();
  });
});
