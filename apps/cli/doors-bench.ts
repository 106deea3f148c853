import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Db, freePort, openDb, startEmbeddedPostgres } from '#db';
import { type BenchFigure, bareEnvironment, built, newId } from '#kernel';
import { findMediaTools } from '#media';
import { recordJobEvent } from '#queue';

const CLIENTS = 50;

interface Up {
  readonly url: string;
  readonly key: string;
  readonly bootMs: number;
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
}

/** The doors as `npm start` opens them, on a home and a database of their own: boot, memory, latencies, events, resumed uploads. */
export async function doorsBench(): Promise<BenchFigure[]> {
  const home = await mkdtemp(join(tmpdir(), 'assent-bench-doors-'));
  const server = await startEmbeddedPostgres(join(home, 'postgres'));
  const started = spawn(process.execPath, [built('apps/start/main.js'), '--json'], {
    env: {
      ...bareEnvironment(),
      ASSENT_HOME: join(home, 'assent'),
      DATABASE_URL: server.url,
      PORT: String(await freePort()),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => started.once('exit', () => done()));
  const db = await openDb({ url: server.url, poolSize: 2 });
  try {
    const up = await whenUp(started);
    return [
      { name: 'boot to ready', value: up.bootMs, unit: 'ms' },
      ...up.processes.map(({ name, pid }) => ({ name: `resident memory, ${name}`, value: residentMiB(pid), unit: 'MiB' })),
      ...(await requestTimes(up)),
      ...(await eventDelay(up, db)),
      await resumedUpload(up),
      ...(await verifyTimes(up, home)),
    ];
  } finally {
    started.kill('SIGINT');
    await ended;
    await db.dataSource.destroy();
    await server.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function whenUp(child: ChildProcess): Promise<Up> {
  for await (const line of createInterface(child.stdout!)) {
    const { message, ...said } = JSON.parse(line) as Record<string, unknown> & { message?: string };
    if (message !== 'up') continue;
    child.stdout!.resume();
    return {
      url: said['url'] as string,
      key: said['development_key'] as string,
      bootMs: said['boot_ms'] as number,
      processes: said['processes'] as Up['processes'],
    };
  }
  throw new Error('the platform ended before it was up');
}

const residentMiB = (pid: number): number =>
  Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);

/** `total` calls by 50 clients that each wait for their answer. Milliseconds of each, in order. */
async function crowd(total: number, call: (i: number) => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      for (let i = next++; i < total; i = next++) {
        const begun = performance.now();
        await call(i);
        times.push(performance.now() - begun);
      }
    }),
  );
  return times.toSorted((a, b) => a - b);
}
const at = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.floor(share * (sorted.length - 1))]! * 10) / 10;
const percentiles = (name: string, sorted: readonly number[]): BenchFigure[] => [
  { name: `${name}, 50 clients, p50`, value: at(sorted, 0.5), unit: 'ms' },
  { name: `${name}, 50 clients, p95`, value: at(sorted, 0.95), unit: 'ms' },
];

async function requestTimes({ url, key }: Up): Promise<BenchFigure[]> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const ids: string[] = [];
  const send = async (path: string, init: RequestInit, status: number): Promise<{ id?: string }> => {
    const answer = await fetch(url + path, { ...init, headers });
    if (answer.status !== status) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as { id?: string };
  };
  const create = async (): Promise<void> => void ids.push((await send('/v1/subjects', { method: 'POST', body: '{}' }, 201)).id!);
  await crowd(CLIENTS, create); // pools and code are warm
  const created = await crowd(1000, create);
  const read = await crowd(3000, async (i) => void (await send(`/v1/subjects/${ids[i % ids.length]!}`, {}, 200)));
  return [...percentiles('create (subject, key and log entry)', created), ...percentiles('status', read)];
}

/** A clip of 5 MB that carries no mark: the dearest answer. What is refused by the limits is counted, not waited for. */
async function verifyTimes({ url }: Up, folder: string): Promise<BenchFigure[]> {
  const path = join(folder, 'clip.mp4');
  const { ffmpeg } = await findMediaTools();
  execFileSync(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=25:d=8,noise=alls=24:allf=t', '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '5M', '-maxrate', '5M', '-bufsize', '5M', '-pix_fmt', 'yuv420p', path]); // prettier-ignore
  const file = await readFile(path);
  const alone = performance.now();
  await (await fetch(`${url}/v1/verify`, { method: 'POST', body: file })).arrayBuffer();
  const one = performance.now() - alone;
  const taken: number[] = [];
  let refused = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const begun = performance.now();
      const answer = await fetch(`${url}/v1/verify`, { method: 'POST', headers: { 'content-type': 'video/mp4' }, body: file });
      await answer.arrayBuffer();
      if (answer.status === 200) taken.push(performance.now() - begun);
      else if (answer.status === 429 || answer.status === 503) refused++;
      else throw new Error(`/v1/verify answered ${answer.status}`);
    }),
  );
  taken.sort((a, b) => a - b);
  const size = `${(file.length / 1e6).toFixed(1)} MB, no mark`;
  return [
    { name: `verify (${size}), alone`, value: Math.round(one), unit: 'ms' },
    ...percentiles(`verify (${size}), taken`, taken),
    { name: `verify (${size}), sent away with Retry-After`, value: refused, unit: 'of 50' },
  ];
}

/** From the commit of a job's event to its arrival at a client that follows the job. */
async function eventDelay({ url, key }: Up, db: Db): Promise<BenchFigure[]> {
  const [training, job] = [newId(), newId()];
  // `queued` far in the future: no worker takes it.
  await db.query(
    `INSERT INTO jobs (id, tenant_id, kind, state, payload, run_after) VALUES ($1, 'dev', 'training.run', 'queued', '{}', now() + interval '1 day')`,
    [job],
  );
  await db.query(
    `INSERT INTO trainings (id, tenant_id, subject_id, consent_id, upload_id, job_id, state, options) VALUES ($1, 'dev', $1, $1, $1, $2, 'queued', '{}')`,
    [training, job],
  );
  const answer = await fetch(`${url}/v1/training-jobs/${training}/events`, { headers: { authorization: `Bearer ${key}` } });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const delays: number[] = [];
  const written: number[] = [];
  const listening = (async () => {
    for (let text = ''; delays.length < 50;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop()!;
      for (const event of events) {
        const id = /^id: ?(\d+)$/m.exec(event)?.[1];
        if (id !== undefined) delays.push(performance.now() - written[Number(id) - 1]!);
      }
    }
  })();
  for (let i = 0; i < 50; i++) {
    await db.tx((tx) => recordJobEvent(tx, job, 'progress', { stage: 'fit', progress: i / 50 }));
    written.push(performance.now());
    await sleep(60 + Math.random() * 60);
  }
  await listening;
  await reader.cancel();
  delays.sort((a, b) => a - b);
  return [
    { name: 'event to follower, p50', value: at(delays, 0.5), unit: 'ms' },
    { name: 'event to follower, p95', value: at(delays, 0.95), unit: 'ms' },
  ];
}

/** 16 MB, the connection cut eight times at random: bytes that had to be sent twice. */
async function resumedUpload({ url, key }: Up): Promise<BenchFigure> {
  const auth = { authorization: `Bearer ${key}`, 'tus-resumable': '1.0.0' };
  const subject = (await (await fetch(`${url}/v1/subjects`, { method: 'POST', headers: { ...auth, 'content-type': 'application/json' }, body: '{}' })).json()) as { id: string }; // prettier-ignore
  const bytes = randomBytes(16_000_000);
  const b64 = (text: string): string => Buffer.from(text).toString('base64');
  const made = await fetch(`${url}/v1/uploads`, {
    method: 'POST',
    headers: {
      ...auth,
      'upload-length': String(bytes.length),
      'upload-metadata': `kind ${b64('footage')},subject_id ${b64(subject.id)}`,
    },
  });
  const address = new URL(made.headers.get('location')!, url);
  let sent = 0;
  for (let cuts = 0, offset = 0; offset < bytes.length; cuts++) {
    const until = cuts < 8 ? offset + Math.floor(Math.random() * (bytes.length - offset)) : bytes.length;
    await patch(address, auth, bytes.subarray(offset, until), offset, until === bytes.length ? undefined : bytes.length - offset);
    sent += until - offset;
    await sleep(200); // the server notices the cut
    offset = Number((await fetch(address, { method: 'HEAD', headers: auth })).headers.get('upload-offset'));
  }
  return { name: 'upload of 16 MB cut 8 times: bytes sent twice', value: sent - bytes.length, unit: 'bytes' };
}

/** One PATCH. With `announced`, the connection is cut after `part`, of which the server was promised more. */
function patch(address: URL, auth: Record<string, string>, part: Uint8Array, offset: number, announced?: number): Promise<void> {
  return new Promise((done, fail) => {
    const headers = { ...auth, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream', 'content-length': String(announced ?? part.length) }; // prettier-ignore
    const call = httpRequest(address, { method: 'PATCH', headers }, (answer) => {
      answer.resume();
      answer.once('end', () => (answer.statusCode === 204 ? done() : fail(new Error(`PATCH answered ${answer.statusCode}`))));
    });
    call.once('error', (error) => (announced === undefined ? fail(error) : done()));
    call.write(part, () => {
      if (announced === undefined) call.end();
      else call.destroy();
    });
  });
}
