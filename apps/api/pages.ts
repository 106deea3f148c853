import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ROUTE_SPEC, type RouteSpec } from '#http';
import { DomainError, built } from '#kernel';

/** A source tree whose pages were never built. */
export class PagesNotBuiltError extends DomainError {
  override readonly problem = { slug: 'pages-not-built', status: 503, title: 'The pages are not there' } as const;
}

/** Pages are public and stand in no reference. The one thing that a link can do is decided by the API, not by who may load a page. */
const PAGE: RouteSpec = {
  method: 'GET',
  path: '/',
  permission: 'public',
  tag: 'pages',
  summary: 'A page or one of its files',
  responses: { 200: { description: 'The file.' } },
  hidden: true,
};

/**
 * Only files of this server, no inline script or style, no frame, no form; what a page shows of a person (`blob:`) never left it.
 * `connect-src 'self'`: a page that somebody managed to change could still send nothing anywhere else.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
};

interface PageFile {
  readonly url: string;
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer | undefined;
  /** Its name holds its hash: it never changes. */
  readonly forever: boolean;
}

/**
 * Serves the built consent, verify and start pages from memory: one route for each file that exists, so that no path of a request ever
 * meets the file system. Before the server listens.
 */
export function registerPages(fastify: FastifyInstance, folder = built('web')): void {
  const serve = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown): void => {
    fastify.route({ method: 'GET', url, config: { [ROUTE_SPEC]: { ...PAGE, path: url } }, handler });
  };
  const files = existsSync(join(folder, 'index.html')) ? readPages(folder) : [];
  for (const file of files) serve(file.url, (request, reply) => send(file, request, reply));
  for (const page of ['/consent', '/verify']) {
    // The part behind the # goes with the browser over a redirect: a link without the slash still works.
    if (files.length > 0) serve(page, (_, reply) => reply.redirect(`${page}/`, 308));
    else
      serve(`${page}/`, () => {
        throw new PagesNotBuiltError('Run `npm run build` and start again.');
      });
  }
}

function readPages(folder: string): PageFile[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.br'))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const url = '/' + relative(folder, path).split('\\').join('/');
      return {
        url: url.replace(/index\.html$/, ''),
        type: TYPES[entry.name.split('.').at(-1)!] ?? 'application/octet-stream',
        plain: readFileSync(path),
        brotli: existsSync(`${path}.br`) ? readFileSync(`${path}.br`) : undefined,
        forever: url.startsWith('/assets/'),
      };
    });
}

function send(file: PageFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const accepts = /\bbr\b/.test(request.headers['accept-encoding'] ?? '');
  const packed = accepts ? file.brotli : undefined;
  if (packed) void reply.header('content-encoding', 'br');
  return reply
    .headers({
      'content-type': file.type,
      'cache-control': file.forever ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      // Camera and microphone are the consent page's business alone.
      'permissions-policy': file.url.startsWith('/consent/')
        ? 'camera=(self), microphone=(self), geolocation=()'
        : 'camera=(), microphone=(), geolocation=()',
    })
    .send(packed ?? file.plain);
}
