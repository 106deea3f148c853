import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { KEY_ROLES, type KeyRole } from '#access';
import { type Db, freePort } from '#db';
import { RequestLog, findRoute } from '#http';
import { type Config, type Principal, loadConfig } from '#kernel';
import { JobWorker } from '#queue';
import { testDatabase } from '#testing';
import { jobHandlers } from '../job-handlers.ts';
import { type Platform, openPlatform } from '../platform.module.ts';
import { createApi } from './create-api.ts';

export interface TestApi {
  readonly url: string;
  readonly db: Db;
  /** A key of each role, of the tenant `acme`. */
  readonly keys: Readonly<Record<KeyRole, string>>;
  /** The same of the tenant `rival`. */
  readonly otherTenant: Readonly<Record<KeyRole, string>>;
  readonly app: NestFastifyApplication;
  readonly platform: Platform;
  /** What the process logged, line by line. */
  readonly log: readonly string[];
  readonly home: string;
  close(): Promise<void>;
}

export interface TestApiOptions {
  /** Runs a worker in this process too. */
  readonly worker?: boolean;
  /** Settings over the defaults. */
  readonly config?: Readonly<Record<string, string>>;
}

export const TENANT = 'acme';
export const OTHER_TENANT = 'rival';

/** The API as it is started, on a database and a home of its own, in this process. */
export async function openTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await testDatabase();
  const home = await mkdtemp(join(tmpdir(), 'assent-api-'));
  const config: Config = loadConfig({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    ASSENT_HOME: home,
    PORT: String(await freePort()),
    ...options.config,
  });
  const lines: string[] = [];
  const log = new RequestLog((line) => lines.push(line));
  const platform = await openPlatform(config, (error) => log.fault(error, undefined));
  const app = await createApi(platform, config, log);
  await app.listen({ host: config.HOST, port: config.PORT });
  const worker = options.worker
    ? new JobWorker(platform.jobs, jobHandlers(app), platform.wakeUps, {
        workerId: 'test-worker',
        idlePollMs: 100,
        onFault: (error) => log.fault(error, undefined),
      })
    : undefined;
  await worker?.start();
  return {
    url: `http://${config.HOST}:${config.PORT}`,
    db: platform.db,
    keys: await keysOf(platform, TENANT),
    otherTenant: await keysOf(platform, OTHER_TENANT),
    app,
    platform,
    log: lines,
    home,
    async close() {
      await worker?.stop(0);
      await app.close();
      await platform.close();
      await database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function keysOf(platform: Platform, tenantId: string): Promise<Record<KeyRole, string>> {
  const principal: Principal = { tenantId, actorId: 'test', roles: ['system'] };
  const made = await Promise.all(
    KEY_ROLES.map(async (role) => [role, (await platform.apiKeys.issue(principal, { role, label: `test ${role}` })).key]),
  );
  return Object.fromEntries(made) as Record<KeyRole, string>;
}

/** `fetch` with a key: `call(api, 'POST', '/v1/subjects', { key, body })`. */
export async function call(
  api: { url: string },
  method: string,
  path: string,
  options: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(api.url + path, {
    method,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '');
  const answer = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text };
  if (response.ok && isJson) requireAsDeclared(method, path, response.status, answer);
  return { status: response.status, headers: response.headers, body: answer };
}

/** Every answer that a test gets is one that the API reference promises: also in tests that look at something else. */
function requireAsDeclared(method: string, path: string, status: number, body: unknown): void {
  const declared = findRoute(method, path)?.responses[status];
  if (!declared) throw new Error(`${method} ${path} answered ${status}, which its route does not declare`);
  const faults = declared.schema?.safeParse(body).error?.issues ?? [];
  if (faults.length > 0)
    throw new Error(`${method} ${path} answered otherwise than its schema: ${JSON.stringify(faults).slice(0, 500)}`);
}
