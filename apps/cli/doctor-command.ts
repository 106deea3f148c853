import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { selfCheckModels } from '#inference';
import { type Config, childrenHaveNoNetwork, loadConfig } from '#kernel';
import { KeyStore } from '#keys';
import { chooseSandbox, findMediaTools } from '#media';
import { checkWakeUps } from '#queue';
import { checkStore, openStore, storeName } from '#storage';
import { machine } from './machine.ts';
import { withDatabase, withoutSecrets } from './with-database.ts';

/** How one part does: `warn` works, but less than it could. */
interface Finding {
  readonly ok: boolean | 'warn';
  readonly text: string;
}

/** What this machine has and what is missing, each line with what to do. Each part is used, not only looked for. Exit 1 if something needed is missing. */
export async function doctorCommand(): Promise<number> {
  const config = loadConfig();
  let missing = 0;
  const tell = ({ ok, text }: Finding): void => {
    if (ok === false) missing++;
    console.log(`${ok === true ? '✓' : ok === 'warn' ? '!' : '✗'} ${text}`);
  };
  tell({ ok: true, text: machine() });
  await withDatabase(config, async (url, name) => {
    tell(await tried(`database: ${name}`, async () => `${await checkDatabase(url)}, written and read back`));
    const backend =
      config.QUEUE_BACKEND === 'redis'
        ? ({ kind: 'redis', url: config.REDIS_URL! } as const)
        : ({ kind: 'postgres', url } as const);
    tell(
      await tried(
        `wake-ups: BullMQ on ${backend.kind === 'redis' ? `Redis at ${withoutSecrets(backend.url)}` : 'that database'}`,
        async () => `a message came through in ${Math.round(await checkWakeUps(backend))} ms`,
      ),
    );
  }).catch((error: unknown) => tell({ ok: false, text: `database: ${(error as Error).message}` }));
  tell(
    await tried(`objects: ${storeName(config)}`, async () => {
      await checkStore(await openStore(config));
      return 'written, measured, read in part, deleted';
    }),
  );
  tell(
    await tried(`keys: ${join(config.ASSENT_HOME, 'keys')}`, async () => {
      await KeyStore.open(join(config.ASSENT_HOME, 'keys'));
      return 'the root key opens and nobody else may read it';
    }),
  );
  for (const finding of await mediaFindings(config)) tell(finding);
  tell(await tried('models', async () => (await selfCheckModels(), 'every model has its hash and gives its golden output')));
  tell({ ok: 'warn', text: 'GPU: the WebGPU backend is not built yet; fits run on the CPU.' });
  return missing === 0 ? 0 : 1;
}

/** The part with what it said, or with why it does not work. */
async function tried(part: string, check: () => Promise<string>): Promise<Finding> {
  try {
    return { ok: true, text: `${part}: ${await check()}` };
  } catch (error) {
    // An AggregateError (a host with several addresses) has no message of its own.
    const { message, code } = error as Error & { code?: string };
    return { ok: false, text: `${part}: ${message === '' ? (code ?? String(error)) : message}` };
  }
}

/** Oldest PostgreSQL that the migrations run on. */
const OLDEST = 15;

/** Writes and reads in a table that nobody else sees. Returns the server's name and version. */
async function checkDatabase(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  await client.connect();
  try {
    const value = randomBytes(16).toString('hex');
    await client.query('CREATE TEMPORARY TABLE assent_doctor (value text)');
    await client.query('INSERT INTO assent_doctor VALUES ($1)', [value]);
    const read = await client.query<{ value: string }>('SELECT value FROM assent_doctor');
    if (read.rows[0]?.value !== value) throw new Error('it gives back something else than was written');
    const { rows } = await client.query<{ version: string; number: number; encoding: string }>(
      `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, current_setting('server_encoding') AS encoding`,
    );
    const { version, number, encoding } = rows[0]!;
    if (number < OLDEST * 10_000) throw new Error(`PostgreSQL ${version} is too old; ${OLDEST} or newer is needed`);
    if (encoding !== 'UTF8') throw new Error(`its encoding is ${encoding}; names need UTF8`);
    return `PostgreSQL ${version}`;
  } finally {
    await client.end();
  }
}

async function mediaFindings(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const tools = await findMediaTools({ ffmpegPath: config.FFMPEG_PATH });
    const warning = tools.warning === undefined ? '' : `: ${tools.warning}`;
    findings.push({
      ok: tools.warning === undefined ? true : 'warn',
      text: `ffmpeg ${tools.version} (${tools.source})${warning}`,
    });
    const hdr = tools.hasZscale && tools.hasTonemap;
    findings.push({
      ok: hdr ? true : 'warn',
      text: hdr ? 'HDR footage can be converted' : 'No zscale or tonemap filter: HDR footage is refused.',
    });
  } catch (error) {
    findings.push({ ok: false, text: (error as Error).message });
  }
  const sandbox = chooseSandbox(config.ASSENT_SANDBOX);
  findings.push({
    ok: sandbox.warning === undefined ? true : 'warn',
    text: `sandbox: ${sandbox.tier}${sandbox.warning === undefined ? '' : `. ${sandbox.warning}`}`,
  });
  const alone = childrenHaveNoNetwork();
  findings.push({
    ok: alone ? true : 'warn',
    text: alone
      ? 'fit and tracking run without a network'
      : 'No network namespaces here: fit and tracking could reach the network.',
  });
  return findings;
}
