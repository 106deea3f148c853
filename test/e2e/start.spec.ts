import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Db, freePort, openDb, startEmbeddedPostgres } from '#db';
import { built, newId, packageRoot } from '#kernel';
import { Jobs } from '#queue';
import { temporaryHome } from '#testing';

/** `npm start` as a person has it (without the installation): its processes are killed one after the other while work waits. */

interface Line {
  readonly process: string;
  readonly message?: string;
  readonly [more: string]: unknown;
}

class Started {
  readonly lines: Line[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  #heard: () => void = () => undefined;

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, [built('apps/start/main.js'), '--json'], {
      cwd: packageRoot(),
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      createInterface(stream).on('line', (line) => {
        this.lines.push(line.startsWith('{') ? (JSON.parse(line) as Line) : { process: 'start', message: line });
        this.#heard();
      });
    this.ended = new Promise((done) => this.child.once('close', (code, signal) => (this.#heard(), done({ code, signal }))));
    all.push(this);
  }

  /** The first line after `from` that fits. A supervisor that ends before fails the test with what it said. */
  async until(fits: (line: Line) => boolean, from = 0): Promise<Line> {
    for (;;) {
      const found = this.lines.slice(from).find(fits);
      if (found) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`npm start ended: ${JSON.stringify(this.lines.slice(-8), null, 1)}`);
      await new Promise<void>((done) => (this.#heard = done));
    }
  }

  news(process: string, text: RegExp, from = 0): Promise<Line> {
    return this.until((line) => line.process === process && text.test(line.message ?? ''), from);
  }
}
const all: Started[] = [];

const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
async function gone(...pids: number[]): Promise<void> {
  for (let patience = 400; patience > 0; patience--) {
    if (!pids.some(alive)) return;
    await sleep(50);
  }
  throw new Error(`still running: ${pids.filter(alive).join(', ')}`);
}

let place: Awaited<ReturnType<typeof temporaryHome>>;
let env: Record<string, string>;
let port: number;
beforeAll(async () => {
  place = await temporaryHome();
  port = await freePort();
  env = { ASSENT_HOME: place.home, PORT: String(port), WORKER_LEASE_SECONDS: '3' };
});
afterAll(async () => {
  for (const started of all)
    if (started.child.exitCode === null && started.child.signalCode === null) started.child.kill('SIGINT');
  await Promise.all(all.map((started) => started.ended));
  await place.remove();
});

const postmaster = (): number => Number(readFileSync(join(place.home, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
const databaseUrl = (): string => {
  const [, , , databasePort] = readFileSync(join(place.home, 'postgres/data/postmaster.pid'), 'utf8').split('\n');
  return `postgres://assent:${readFileSync(join(place.home, 'postgres/password'), 'utf8').trim()}@127.0.0.1:${databasePort}/assent`;
};
async function withDb<T>(work: (db: Db) => Promise<T>): Promise<T> {
  const db = await openDb({ url: databaseUrl(), poolSize: 1 });
  try {
    return await work(db);
  } finally {
    await db.dataSource.destroy();
  }
}
/** A job that nobody may take for a while: it waits across the crash. */
const enqueue = (delaySeconds: number): Promise<string> =>
  withDb((db) =>
    db.tx((tx) =>
      new Jobs(db).enqueue(tx, {
        tenantId: 'dev',
        kind: 'consent.propagate',
        payload: { consentId: newId(), state: 'withdrawn' },
        delaySeconds,
      }),
    ),
  );
async function succeeded(id: string): Promise<void> {
  await withDb(async (db) => {
    for (let patience = 300; patience > 0; patience--) {
      const { state } = await new Jobs(db).get('dev', id);
      if (state === 'succeeded') return;
      await sleep(100);
    }
    throw new Error(`the job is ${JSON.stringify(await new Jobs(db).get('dev', id))}`);
  });
}

describe('npm start', () => {
  let run: Started;
  let up: Line;
  let key: string;
  let subject: string;
  const pidOf = (name: string): number =>
    (up['processes'] as { name: string; pid: number }[]).find((one) => one.name === name)!.pid;
  const api = (path: string, init: { method?: string; body?: string } = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
  const subjectIsThere = async (): Promise<void> => {
    const answer = await api(`/v1/subjects/${subject}`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ id: subject });
  };
  beforeAll(async () => {
    run = new Started(env);
    up = await run.until((line) => line.message === 'up');
    key = up['development_key'] as string;
  });

  it('brings up database, API and worker, with a key that opens the API', async () => {
    expect(up['processes']).toHaveLength(2);
    const made = await api('/v1/subjects', { method: 'POST', body: '{}' });
    expect(made.status).toBe(201);
    subject = ((await made.json()) as { id: string }).id;
    for (const page of ['/docs', '/log/checkpoint', '/openapi.json'])
      expect((await fetch(`http://127.0.0.1:${port}${page}`)).status, page).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/v1/subjects`)).status).toBe(401);
  });

  it('refuses a second instance on the same home, and another home on the same port, each by name', async () => {
    const second = new Started({ ...env, PORT: '0' });
    expect((await second.ended).code).toBe(1);
    expect(second.lines.at(-1)!.message).toMatch(/^home-in-use: Process \d+ already uses/);
    const elsewhere = await temporaryHome();
    const third = new Started({ ...env, ASSENT_HOME: elsewhere.home });
    expect((await third.ended).code).toBe(1);
    expect(third.lines.at(-1)!.message).toMatch(/^port-unavailable: 127\.0\.0\.1:\d+ is in use/);
    await elsewhere.remove();
    await subjectIsThere();
  });

  it('kill -9 of the worker: said, started again, the waiting job is done', async () => {
    const id = await enqueue(2);
    const from = run.lines.length;
    process.kill(pidOf('worker-1'), 'SIGKILL');
    expect((await run.news('worker-1', /ended unexpectedly \(SIGKILL\)/, from))['level']).toBe('error');
    await run.news('worker-1', /is up again/, from);
    await succeeded(id);
  });

  it('kill -9 of the database: said, started again on the same address, nothing committed is lost', async () => {
    const id = await enqueue(2);
    const from = run.lines.length;
    const before = databaseUrl();
    process.kill(postmaster(), 'SIGKILL');
    await run.news('database', /ended unexpectedly/, from);
    await run.news('database', /is up again/, from);
    expect(databaseUrl()).toBe(before);
    await succeeded(id);
    await subjectIsThere();
    expect(alive(pidOf('api'))).toBe(true); // the others lived through it
  });

  it('kill -9 of the API: said, started again, and what it had taken is there', async () => {
    const from = run.lines.length;
    process.kill(pidOf('api'), 'SIGKILL');
    await run.news('api', /ended unexpectedly/, from);
    await run.news('api', /is up again/, from);
    await subjectIsThere();
  });

  it('kill -9 of the supervisor itself: the children stop, and the next start inherits the database and the key', async () => {
    const line = run.lines.findLast((one) => one.process === 'api' && one['url'] !== undefined);
    expect(line).toBeDefined();
    const orphan = postmaster();
    run.child.kill('SIGKILL');
    await run.ended;
    expect(alive(orphan)).toBe(true);
    run = new Started(env);
    up = await run.until((one) => one.message === 'up');
    await gone(orphan);
    expect(up['development_key']).toBe(key);
    await subjectIsThere();
  });

  it('Ctrl-C stops the children first and then the database, and the data stays', async () => {
    const pids = [pidOf('api'), pidOf('worker-1'), postmaster()];
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(0);
    await gone(...pids);
    expect(run.lines.filter((line) => line['level'] === 'error')).toEqual([]);
    expect(existsSync(join(place.home, 'postgres/data/postmaster.pid'))).toBe(false); // an orderly stop, no recovery next time
    const server = await startEmbeddedPostgres(join(place.home, 'postgres'));
    const db = await openDb({ url: server.url, poolSize: 1 });
    expect(await db.query('SELECT id FROM subjects')).toEqual([{ id: subject }]);
    await db.dataSource.destroy();
    await server.stop();
  });
});
