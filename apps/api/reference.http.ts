import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import {
  Call,
  PROBLEM_CATALOG,
  type ProblemPage,
  Route,
  type RouteCall,
  RouteController,
  type RouteSpec,
  openApiDocument,
} from '#http';
import { NotFoundError } from '#kernel';

const tag = 'reference';
const html = { mediaType: 'text/html', schema: z.string() } as const;
const OPENAPI = {
  method: 'GET', path: '/openapi.json', permission: 'public', tag,
  summary: 'This API as OpenAPI 3.1',
  responses: { 200: { description: 'The document.', schema: z.record(z.string(), z.unknown()) } },
} as const satisfies RouteSpec; // prettier-ignore
const DOCS = {
  method: 'GET', path: '/docs', permission: 'public', tag, summary: 'This API as pages', hidden: true,
  responses: { 200: { description: 'A page.', ...html } },
} as const satisfies RouteSpec; // prettier-ignore
const DOCS_FILE = {
  method: 'GET', path: '/docs/:file', permission: 'public', tag, summary: 'A file of those pages', hidden: true,
  params: z.strictObject({ file: z.string().max(64) }),
  responses: { 200: { description: 'A file.', mediaType: 'text/plain' } },
} as const satisfies RouteSpec; // prettier-ignore
const PROBLEMS = {
  method: 'GET', path: '/problems', permission: 'public', tag,
  summary: 'Every refusal there is', responses: { 200: { description: 'A page.', ...html } },
} as const satisfies RouteSpec; // prettier-ignore
const PROBLEM = {
  method: 'GET', path: '/problems/:slug', permission: 'public', tag,
  summary: 'What a refusal means and what to do',
  params: z.strictObject({ slug: z.string().max(64) }),
  responses: { 200: { description: 'A page.', ...html } },
} as const satisfies RouteSpec; // prettier-ignore

/** Shipped by swagger-ui-dist; the list is closed, so no path can leave its folder. */
const SWAGGER_FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
/** A file of its own, because the page's policy allows no inline script. No validator: nothing of this page asks anybody else. */
const START = `window.ui = SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });\n`;
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"; // prettier-ignore
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** What a stranger reads before the first request. */
@RouteController()
export class ReferenceController {
  readonly #swagger = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));

  @Route(OPENAPI)
  openapi(@Call() { reply }: RouteCall<typeof OPENAPI>): object {
    reply.headers({ 'cache-control': 'public, max-age=300', 'access-control-allow-origin': '*' });
    return openApiDocument();
  }

  @Route(DOCS)
  docs(@Call() { reply }: RouteCall<typeof DOCS>): string {
    reply.headers({ ...HTML, 'content-security-policy': POLICY });
    return pageHtml(
      'Assent API',
      '<link rel="stylesheet" href="/docs/swagger-ui.css"><link rel="icon" href="/docs/favicon-32x32.png">',
      '<div id="reference"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>',
    );
  }

  @Route(DOCS_FILE)
  async file(@Call() { params, reply }: RouteCall<typeof DOCS_FILE>): Promise<string | Buffer> {
    reply.header('cache-control', 'public, max-age=3600');
    if (params.file === 'start.js') {
      reply.type('text/javascript; charset=utf-8');
      return START;
    }
    const type = Object.hasOwn(SWAGGER_FILES, params.file) ? SWAGGER_FILES[params.file] : undefined;
    if (type === undefined) throw new NotFoundError('The API reference has no such file.');
    reply.type(type);
    return readFile(join(this.#swagger, params.file));
  }

  @Route(PROBLEMS)
  problems(@Call() { reply }: RouteCall<typeof PROBLEMS>): string {
    reply.headers({ ...HTML, 'content-security-policy': PAGE_POLICY });
    const rows = Object.entries(PROBLEM_CATALOG)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([slug, { status, title }]) => `<tr><td>${status}<td><a href="/problems/${slug}">${slug}</a><td>${escape(title)}`);
    return pageHtml('Refusals', STYLE, `<h1>Refusals</h1><table><tr><th>Status<th>Slug<th>Meaning${rows.join('')}</table>`);
  }

  @Route(PROBLEM)
  problem(@Call() { params, reply }: RouteCall<typeof PROBLEM>): string {
    const found: ProblemPage | undefined = Object.hasOwn(PROBLEM_CATALOG, params.slug) ? PROBLEM_CATALOG[params.slug] : undefined;
    if (!found) throw new NotFoundError('There is no refusal of this name. /problems lists them.');
    reply.headers({ ...HTML, 'content-security-policy': PAGE_POLICY });
    const { status, title, advice } = found;
    return pageHtml(
      title,
      STYLE,
      `<p><a href="/problems">All refusals</a></p><h1>${escape(title)}</h1><p><code>${params.slug}</code>, status ${status}</p><p>${escape(advice)}</p>`,
    );
  }
}

const HTML = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'public, max-age=3600' } as const;
const STYLE = '<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.2rem .8rem .2rem 0}</style>'; // prettier-ignore

const pageHtml = (title: string, head: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title>${head}</head><body>${body}</body></html>`;

const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]!);
