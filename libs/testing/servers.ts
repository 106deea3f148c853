import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'minio';
import { freePort } from '#db';
import { FolderInUseError, takeLock } from '#kernel';

/*
 * Real servers for the suites behind the switches: each is had from an ordinary package registry or the suite is skipped, with the reason
 * printed. What takes long to build is kept in a cache folder outside the repository.
 */

const run = promisify(execFile);

export interface TestServer {
  readonly name: string;
  readonly url: string;
  stop(): Promise<void>;
}
export interface TestRedis extends TestServer {
  /** Forgets everything. */
  flush(): Promise<void>;
}
export interface TestS3 extends TestServer {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
  makeBucket(name: string): Promise<void>;
}

const cacheFolder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'assent-tests');
const VERSITYGW = 'v1.8.0';
const MOTO = '5.2.5';

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin')) {
    const path = join(folder, program);
    if (folder !== '' && (await exists(path))) return path;
  }
  return undefined;
}

/** Says why a suite is skipped, once, where a person who reads the test's output finds it. */
function skip(what: string, reason: unknown): undefined {
  console.warn(`skipping the ${what} suite: ${String(reason).trim().split('\n').at(-1)}`);
  return undefined;
}

/** versitygw, built by the long tests where there is a Go toolchain; else moto from PyPI; undefined (and a printed reason) where neither can be had. */
export async function startS3Server(): Promise<TestS3 | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'assent-s3-'));
  await mkdir(cacheFolder, { recursive: true });
  const [accessKey, secretKey, port] = ['assent-test', randomBytes(16).toString('hex'), await freePort()];
  const server = (await versitygw(folder, accessKey, secretKey, port)) ?? (await moto(port));
  if (server === undefined) {
    await rm(folder, { recursive: true, force: true });
    return skip(
      'S3',
      'no versitygw (npm run test:long builds it where there is a Go toolchain), and no Python that can install moto',
    );
  }
  await answers(server.child, port);
  const client = new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey, region: 'us-east-1' });
  return {
    name: server.name,
    url: `http://127.0.0.1:${port}`,
    accessKey,
    secretKey,
    region: 'us-east-1',
    makeBucket: (name) => client.makeBucket(name, 'us-east-1'),
    async stop() {
      await end(server.child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function versitygw(
  folder: string,
  access: string,
  secret: string,
  port: number,
): Promise<{ name: string; child: ChildProcess } | undefined> {
  const binary = await builtVersitygw();
  if (binary === undefined) return undefined;
  const [data, sidecar] = [join(folder, 'data'), join(folder, 'sidecar')];
  await Promise.all([mkdir(data), mkdir(sidecar)]);
  // The sidecar folder instead of extended attributes: a test machine's temporary folder may have none.
  const args = ['--access', access, '--secret', secret, '--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--sidecar', sidecar, data]; // prettier-ignore
  return { name: `versitygw ${VERSITYGW}`, child: spawn(binary, args, { stdio: 'ignore' }) };
}

/** Built once and kept; of several test files that want it at the same time, one builds and the others wait. */
async function builtVersitygw(): Promise<string | undefined> {
  const binary = join(cacheFolder, `versitygw-${VERSITYGW}`);
  if (await exists(binary)) return binary;
  // Three minutes of both cores: the long tests build it, and once it is there every run takes it.
  if (process.env['ASSENT_LONG_TESTS'] !== '1' || (await onPath('go')) === undefined) return undefined;
  return onlyOne('versitygw', async () => {
    if (await exists(binary)) return binary;
    const out = await mkdtemp(join(cacheFolder, 'building-'));
    try {
      console.warn(`building versitygw ${VERSITYGW} once; it is kept in ${cacheFolder}`);
      await run('go', ['install', '-ldflags=-s -w', `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`], {
        env: { ...process.env, GOBIN: out, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' },
        timeout: 420_000,
      });
      await rename(join(out, 'versitygw'), binary);
      return binary;
    } catch (error) {
      console.warn(`versitygw could not be built: ${String(error).trim().split('\n').at(-1)}`);
      return undefined;
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  });
}

/** Runs `work` when no other test process is at it. */
async function onlyOne<T>(name: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    let lock;
    try {
      lock = takeLock(join(cacheFolder, `${name}.lock`));
    } catch (error) {
      if (!(error instanceof FolderInUseError)) throw error;
      await sleep(500);
      continue;
    }
    try {
      return await work();
    } finally {
      lock.release();
    }
  }
}

async function moto(port: number): Promise<{ name: string; child: ChildProcess } | undefined> {
  const place = join(cacheFolder, `moto-${MOTO}`);
  const server = join(place, 'bin/moto_server');
  const python = await onPath('python3');
  if (python === undefined) return undefined;
  const installed = await onlyOne('moto', async () => {
    if (await exists(server)) return true;
    try {
      await run(python, ['-m', 'venv', place], { timeout: 120_000 });
      await run(join(place, 'bin/pip'), ['install', '--quiet', `moto[s3,server]==${MOTO}`], { timeout: 300_000 });
      return true;
    } catch (error) {
      await rm(place, { recursive: true, force: true });
      console.warn(`moto could not be installed: ${String(error).trim().split('\n').at(-1)}`);
      return false;
    }
  });
  if (!installed) return undefined;
  return { name: `moto ${MOTO}`, child: spawn(server, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' }) };
}

/** Debian's redis-server, installed as root where it is missing; undefined (and a printed reason) elsewhere. */
export async function startRedis(): Promise<TestRedis | undefined> {
  const find = async (): Promise<string | undefined> => (await onPath('redis-server')) ?? (await onPath('valkey-server'));
  let binary = await find();
  if (binary === undefined && process.getuid?.() === 0 && (await onPath('apt-get')) !== undefined) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      await onlyOne('apt', async () => {
        if ((await find()) !== undefined) return;
        await run('apt-get', ['update', '-qq'], { env, timeout: 120_000 });
        await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], { env, timeout: 180_000 });
      });
    } catch (error) {
      return skip('Redis', error);
    }
    binary = await find();
  }
  if (binary === undefined) return skip('Redis', 'there is no redis-server, and we may not install one');
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn(binary, args, { stdio: 'ignore', cwd: tmpdir() });
  await answers(child, port);
  const { stdout } = await run(binary, ['--version']);
  const version = /v=(\S+)/.exec(stdout)?.[1] ?? '';
  return {
    name: `redis-server ${version}`.trim(),
    url: `redis://127.0.0.1:${port}`,
    flush: () => flush(port),
    stop: () => end(child),
  };
}

function flush(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('FLUSHALL\r\n')).once('error', fail);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString().startsWith('+OK')) done();
      else fail(new Error(answer.toString()));
    });
  });
}

const DEBIAN_POSTGRES = '/usr/lib/postgresql';

/** Debian's PostgreSQL where it is installed, on a folder of its own; undefined (and a printed reason) elsewhere. */
export async function startDebianPostgres(): Promise<TestServer | undefined> {
  const versions = await readdir(DEBIAN_POSTGRES).catch(() => [] as string[]);
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) return skip('Debian PostgreSQL', `nothing is installed below ${DEBIAN_POSTGRES}`);
  const bin = join(DEBIAN_POSTGRES, newest, 'bin');
  const folder = await mkdtemp(join(tmpdir(), 'assent-debian-pg-'));
  const [data, passwordFile] = [join(folder, 'data'), join(folder, 'password')];
  const password = randomBytes(16).toString('hex');
  await writeFile(passwordFile, password);
  // PostgreSQL refuses uid 0; a user namespace gives it another one without touching the host's users.
  const unrooted = process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=1000', '--map-group=1000'] : [];
  const command = (program: string, ...args: string[]): [string, string[]] => {
    const [first, ...rest] = [...unrooted, join(bin, program), ...args];
    return [first!, rest];
  };
  try {
    await run(...command('initdb', '-D', data, '-U', 'assent', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-locale', '-N')); // prettier-ignore
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return skip('Debian PostgreSQL', error);
  }
  const port = await freePort();
  const options = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', max_connections: '80' };
  const child = spawn(
    ...command('postgres', '-D', data, '-p', String(port), ...Object.entries(options).flatMap(([k, v]) => ['-c', `${k}=${v}`])),
    { stdio: 'ignore' },
  );
  await answers(child, port);
  return {
    name: `PostgreSQL ${newest} of Debian`,
    url: `postgres://assent:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      await end(child, 'SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(child: ChildProcess, port: number): Promise<void> {
  for (let patience = 300; patience > 0; patience--) {
    if (child.exitCode !== null) throw new Error(`the test server ended at once (exit ${child.exitCode})`);
    const open = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true)).once('error', () => done(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error('the test server does not listen after 30 s');
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}
