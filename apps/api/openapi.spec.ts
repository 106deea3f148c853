import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { PROBLEM_CATALOG, declaredRoutes } from '#http';
import { packageRoot, shipped } from '#kernel';
import { openApiText } from './openapi-text.ts';

const document = JSON.parse(openApiText()) as { paths: Record<string, Record<string, { responses: object }>> };

describe('openapi.json', () => {
  it('is what the routes say: run `node scripts/openapi.mjs` after a change', () => {
    expect(readFileSync(shipped('openapi.json'), 'utf8')).toBe(openApiText());
  });

  it('is valid OpenAPI 3.1 to a validator that is not ours', async () => {
    const result = await new Validator().validate(JSON.parse(openApiText()) as Record<string, unknown>);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('refers to nothing that it does not hold', () => {
    const text = openApiText();
    const components = (JSON.parse(text) as { components: { schemas: Record<string, unknown> } }).components.schemas;
    for (const [, name] of text.matchAll(/"\$ref": "#\/components\/schemas\/([^"]+)"/g)) expect(components).toHaveProperty(name!);
    expect(text).not.toContain('#/$defs/');
  });

  it('holds every route that is not a page, with a success and its refusals', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBe(declaredRoutes().filter(({ hidden }) => !hidden).length);
    for (const { responses } of operations) {
      expect(Object.keys(responses).some((status) => /^[23]/.test(status))).toBe(true);
      expect(responses).not.toHaveProperty('default'); // a refusal that the catalog does not have
    }
  });
});

describe('the catalog of refusals', () => {
  const sources = ['libs', 'apps'].flatMap((dir) =>
    readdirSync(join(packageRoot(), dir), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.(spec|fixture|child)\.ts$|^web\/|(^|\/)node_modules\//.test(name))
      .map((name) => join(packageRoot(), dir, name)),
  );
  const found = new Map<string, Set<number>>();
  for (const source of sources)
    for (const [, slug, status] of readFileSync(source, 'utf8').matchAll(/slug:\s*'([a-z0-9-]+)',\s*status:\s*(\d{3})/g))
      found.set(slug!, (found.get(slug!) ?? new Set()).add(Number(status)));

  it('has a page for every slug of the source, with its status', () => {
    expect(found.size).toBeGreaterThan(60);
    for (const [slug, statuses] of found) {
      const page = PROBLEM_CATALOG[slug];
      const told = page ? [page.status, ...(page.also ?? [])] : [];
      expect([slug, [...statuses].filter((status) => !told.includes(status))]).toEqual([slug, []]);
    }
  });

  it('has no page for a refusal that does not exist', () => {
    const known = new Set([...found.keys(), 'internal-error', 'request-refused']);
    expect(Object.keys(PROBLEM_CATALOG).filter((slug) => !known.has(slug))).toEqual([]);
  });

  it('advises in whole sentences', () => {
    for (const [slug, { advice, title }] of Object.entries(PROBLEM_CATALOG)) {
      expect(advice, slug).toMatch(/^[A-Z`"].+\.$/);
      expect(title, slug).not.toMatch(/\.$/);
    }
  });
});
