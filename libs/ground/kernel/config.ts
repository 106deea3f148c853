import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { DomainError } from './domain-error.ts';

/** The only reader of the environment. Each key is documented here; secrets also come from `<KEY>_FILE`. */
const schema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('named in reports; no behaviour depends on it yet'),
  ASSENT_HOME: z.string().min(1).default('.assent').describe('folder for keys, objects and the embedded database'),
  DATABASE_URL: z.string().startsWith('postgres').optional().describe('PostgreSQL to use instead of the embedded one'),
  QUEUE_BACKEND: z.enum(['postgres']).default('postgres').describe('what wakes workers'),
  FFMPEG_PATH: z.string().optional().describe('ffmpeg binary; ffprobe is looked for beside it'),
  ASSENT_SANDBOX: z
    .enum(['auto', 'bubblewrap', 'namespaces', 'rlimits'])
    .default('auto')
    .describe('least sandbox tier to accept for untrusted media'),
});

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
  const parsed = schema.safeParse(input);
  if (!parsed.success) faults.push(...parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(`The environment has faults: ${faults.join('; ')}`, { faults });
  return Object.freeze({ ...parsed.data, ASSENT_HOME: resolve(parsed.data.ASSENT_HOME) });
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
