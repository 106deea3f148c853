import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { DomainError } from './domain-error.ts';

/** The only reader of the environment. Each key is documented here; secrets also come from `<KEY>_FILE`. */
const schema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('named in reports; in production `npm start` makes no development key'),
  ASSENT_HOME: z.string().min(1).default('.assent').describe('folder for keys, objects and the embedded database'),
  DATABASE_URL: z.string().startsWith('postgres').optional().describe('PostgreSQL to use instead of the embedded one'),
  QUEUE_BACKEND: z
    .enum(['postgres', 'redis'])
    .default('postgres')
    .describe('what wakes workers; the jobs themselves always stand in PostgreSQL'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'starts with redis:// or rediss://')
    .optional()
    .describe('Redis or Valkey, for QUEUE_BACKEND=redis'),
  S3_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .regex(/^https?:\/\/[^/?#@]+\/?$/, 'scheme, host and port only')
    .optional()
    .describe('S3 server for the sealed objects, instead of the folder ASSENT_HOME/objects'),
  S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'a bucket name: 3 to 63 of a-z, 0-9, dot and dash')
    .optional()
    .describe('bucket for them; it must exist'),
  S3_ACCESS_KEY: z.string().min(1).optional().describe('access key of that server'),
  S3_SECRET_KEY: z.string().min(1).optional().describe('its secret'),
  S3_REGION: z.string().min(1).default('us-east-1').describe('region that requests are signed for'),
  S3_PATH_STYLE: z
    .enum(['true', 'false'])
    .default('true')
    .transform((text) => text === 'true')
    .describe('true: endpoint/bucket/…; false: bucket.endpoint/…'),
  WORKERS: z.coerce.number().int().min(1).max(64).default(1).describe('worker processes that `npm start` runs'),
  WORKER_LEASE_SECONDS: z.coerce
    .number()
    .int()
    .min(2)
    .max(600)
    .default(30)
    .describe('how long a worker that fell silent keeps its job, and how long a transaction may sleep'),
  FFMPEG_PATH: z.string().optional().describe('ffmpeg binary; ffprobe is looked for beside it'),
  ASSENT_SANDBOX: z
    .enum(['auto', 'bubblewrap', 'namespaces', 'rlimits'])
    .default('auto')
    .describe('least sandbox tier to accept for untrusted media'),
  HOST: z.string().min(1).default('127.0.0.1').describe('address that the API listens on'),
  PORT: z.coerce.number().int().min(0).max(65535).default(7700).describe('port that the API listens on; 0 takes a free one'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .regex(/^[^?#]*[^?#/]$/, 'no trailing slash, query or fragment')
    .optional()
    .describe('base of every link that leaves the house; http://HOST:PORT if left out'),
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'an address or a network such as 10.0.0.0/8')))
    .describe('addresses or networks whose X-Forwarded-* is believed, comma-separated; nobody if empty'),
});

/** Every setting by name, with what it is for: `.env.example` and the compose file are held against this list. */
export const configKeys: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(schema.shape).map(([key, value]) => [key, value.description ?? '']),
);

export type Config = Readonly<Omit<z.infer<typeof schema>, 'ASSENT_HOME'> & { ASSENT_HOME: string }>;

export class ConfigError extends DomainError {
  override readonly problem = { slug: 'config-invalid', status: 500, title: 'The configuration is not usable' } as const;
}

/** Reads and freezes the configuration; reports every fault at once. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const input: Record<string, string> = {};
  const faults: string[] = [];
  for (const key of Object.keys(schema.shape)) {
    // Empty is not given: compose files pass `KEY=` for what nobody set.
    const value = env[key] === '' ? undefined : env[key];
    const file = env[`${key}_FILE`] === '' ? undefined : env[`${key}_FILE`];
    if (file !== undefined && value !== undefined) faults.push(`${key}: given twice, as itself and as ${key}_FILE`);
    if (value !== undefined) input[key] = value;
    else if (file !== undefined) {
      try {
        const text = readFileSync(file, 'utf8').trim();
        if (text === '') faults.push(`${key}_FILE: the file is empty`);
        else input[key] = text;
      } catch (cause) {
        faults.push(`${key}_FILE: cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`);
      }
    }
  }
  faults.push(...missingPartners(input));
  const parsed = schema.safeParse(input);
  if (!parsed.success) faults.push(...parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(`The environment has faults: ${faults.join('; ')}`, { faults });
  return Object.freeze({ ...parsed.data, ASSENT_HOME: resolve(parsed.data.ASSENT_HOME) });
}

/** Settings that mean nothing without each other. Checked apart from the schema, whose refinements wait until every key is well. */
function missingPartners(input: Readonly<Record<string, string>>): string[] {
  const faults: string[] = [];
  const needs = (key: string, because: string): void => {
    if (input[key] === undefined) faults.push(`${key}: missing; ${because} needs it`);
  };
  if (input['QUEUE_BACKEND'] === 'redis') needs('REDIS_URL', 'QUEUE_BACKEND=redis');
  if (input['S3_ENDPOINT'] !== undefined)
    for (const key of ['S3_BUCKET', 'S3_ACCESS_KEY', 'S3_SECRET_KEY']) needs(key, 'S3_ENDPOINT');
  else for (const key of ['S3_BUCKET', 'S3_ACCESS_KEY', 'S3_SECRET_KEY']) if (input[key] !== undefined) needs('S3_ENDPOINT', key);
  return faults;
}

/**
 * The environment of a child process: only what a program needs to run, never a secret (DESIGN rule 3).
 * Anything not on this list does not reach ffmpeg, the fit or a helper.
 */
export function bareEnvironment(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const key of ['PATH', 'LANG', 'LC_ALL', 'TZ']) if (env[key] !== undefined) kept[key] = env[key];
  return kept;
}

/** The environment of a process of ours: what we got, with settings replaced. A replaced setting no longer comes from its file. */
export function serviceEnvironment(
  settings: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const given = { ...env, ...settings };
  for (const key of Object.keys(settings)) delete given[`${key}_FILE`];
  return given;
}
