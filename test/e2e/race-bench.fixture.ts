import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConsentService } from '#consent';
import type { Db } from '#db';
import { SubjectsService } from '#identity';
import { type Principal, built, loadConfig, packageRoot } from '#kernel';
import { syntheticClip, temporaryHome, testDatabase } from '#testing';
import { TrainingService, type TrainingRow } from '#training';
import { UploadsService } from '#uploads';
import { AppModule } from '../../apps/app.module.ts';
import { type Platform, openPlatform } from '../../apps/platform.module.ts';

export const OPERATOR: Principal = { tenantId: 'acme', actorId: 'race', roles: ['operator', 'subject'] };
const LEASE_SECONDS = 3;

/** A worker process from dist that can be held at a step, paused and killed. */
export class RaceWorker {
  readonly said: Record<string, unknown>[] = [];
  readonly child: ChildProcess;
  #heard: () => void = () => undefined;

  constructor(env: Record<string, string>, options: { holdAt?: string; kept?: string }) {
    this.child = spawn(
      process.execPath,
      ['--enable-source-maps', built('test/e2e/race-worker.child.js'), JSON.stringify(options)],
      {
        cwd: packageRoot(),
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    for (const stream of [this.child.stdout!, this.child.stderr!])
      createInterface(stream).on('line', (line) => {
        this.said.push(line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : { message: line });
        this.#heard();
      });
    this.child.once('close', () => this.#heard());
  }

  async until(fits: (said: Record<string, unknown>) => boolean): Promise<void> {
    while (!this.said.some(fits)) {
      if (this.#gone) throw new Error(`the worker ended: ${JSON.stringify(this.said.slice(-5))}`);
      await new Promise<void>((done) => (this.#heard = done));
    }
  }
  ready(): Promise<void> {
    return this.until((said) => said['message'] === 'worker ready');
  }
  /** Held at that step, its work done. */
  at(step: string): Promise<void> {
    return this.until((said) => said['at'] === step);
  }
  go(): void {
    this.child.stdin!.write('go\n');
  }
  pause(): void {
    this.child.kill('SIGSTOP');
  }
  wake(): void {
    this.child.kill('SIGCONT');
  }
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#gone) return;
    const closed = new Promise<void>((done) => this.child.once('exit', () => done()));
    this.child.kill(signal);
    await closed;
  }
  get #gone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

/** Everything that a race needs: database, home, the services of this process, a consent, footage, and workers. */
export class RaceBench {
  readonly #workers: RaceWorker[] = [];
  private constructor(
    readonly db: Db,
    readonly home: string,
    readonly platform: Platform,
    readonly app: INestApplicationContext,
    private readonly env: Record<string, string>,
    private readonly ends: () => Promise<void>,
  ) {}

  static async open(): Promise<RaceBench> {
    const database = await testDatabase();
    const place = await temporaryHome();
    const env = { DATABASE_URL: database.url, ASSENT_HOME: place.home, WORKER_LEASE_SECONDS: String(LEASE_SECONDS) };
    const platform = await openPlatform(loadConfig(env), () => undefined);
    const app = await NestFactory.createApplicationContext(AppModule.on(platform.module), { logger: false });
    return new RaceBench(platform.db, place.home, platform, app, env, async () => {
      await app.close();
      await platform.close();
      await database.close();
      await place.remove();
    });
  }

  get consents(): ConsentService {
    return this.app.get(ConsentService);
  }

  /** Where the heavy steps keep their results for the other tests of the file. */
  get kept(): string {
    return join(this.home, 'kept');
  }

  /** `kept: ''`: nothing is kept. */
  worker(options: { holdAt?: string; kept?: string; leaseSeconds?: number } = {}): RaceWorker {
    const { leaseSeconds, ...more } = options;
    const env = leaseSeconds === undefined ? this.env : { ...this.env, WORKER_LEASE_SECONDS: String(leaseSeconds) };
    const worker = new RaceWorker(env, { kept: this.kept, ...more });
    this.#workers.push(worker);
    return worker;
  }

  async stopWorkers(): Promise<void> {
    for (const worker of this.#workers.splice(0)) {
      worker.wake();
      await worker.end('SIGKILL');
    }
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.ends();
  }

  /** A person who does not exist, with a given consent, and a training that waits. */
  async training(maxAttempts = 3): Promise<TrainingRow> {
    const subject = await this.app.get(SubjectsService).create(OPERATOR);
    const uploads = this.app.get(UploadsService);
    const clip = await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 4, size: 320 });
    const footage = await syntheticClip({ castId: 'lucia', take: 'footage', seconds: 10, size: 384 });
    const asked = await this.consents.request(OPERATOR, consentRequest(subject.id));
    const evidence = await uploads.accept(OPERATOR, { subjectId: subject.id, kind: 'consent-clip', path: clip });
    await this.consents.give(
      OPERATOR,
      asked.id,
      { uploadId: evidence.id, sha256: evidence.sha256!, facesSeen: 1, modelSha256: '' },
      { scheme: 'NIST-63A-4', level: 'none' },
    );
    const upload = await uploads.accept(OPERATOR, { subjectId: subject.id, kind: 'footage', path: footage });
    const training = await this.app
      .get(TrainingService)
      .start(OPERATOR, { consentId: asked.id, uploadId: upload.id, options: { preset: 'cpu-256-draft' } });
    await this.db.query('UPDATE jobs SET max_attempts = $2 WHERE id = $1', [training.job_id, maxAttempts]);
    return training;
  }

  get(id: string): Promise<TrainingRow> {
    return this.app.get(TrainingService).get(OPERATOR.tenantId, id);
  }

  async ended(id: string): Promise<TrainingRow> {
    for (let patience = 1800; patience > 0; patience--) {
      const row = await this.get(id);
      if (row.finished_at) return row;
      await sleep(100);
    }
    throw new Error(`the training does not end: ${JSON.stringify(await this.get(id))}`);
  }

  /** How often an event of this kind stands in log and outbox for an id that its data names. */
  async events(kind: string, member: string, id: string): Promise<number> {
    const [{ n }] = (await this.db.query<{ n: number }>(
      `SELECT (SELECT count(*) FROM audit_outbox WHERE event ->> 'kind' = $1 AND event #>> ARRAY['data', $2] = $3)::int
            + (SELECT count(*) FROM log_entries WHERE line::jsonb ->> 'type' = $1 AND line::jsonb #>> ARRAY['data', $2] = $3)::int AS n`,
      [kind, member, id],
    )) as [{ n: number }];
    return n;
  }

  replicas(trainingId: string): Promise<{ id: string; state: string }[]> {
    return this.db.query('SELECT id, state FROM replicas WHERE training_id = $1', [trainingId]);
  }

  /** Files of the store that no row names. */
  async orphans(): Promise<string[]> {
    const root = join(this.home, 'objects');
    const files = (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    const named = new Set((await this.db.query<{ path: string }>('SELECT path FROM objects')).map(({ path }) => path));
    return files.filter((file) => !named.has(file));
  }

  /** Files below scratch whose owner is not running. */
  async deadScratch(): Promise<string[]> {
    const scratch = join(this.home, 'scratch');
    const owners = existsSync(scratch) ? await readdir(scratch) : [];
    return owners.filter((owner) => !existsSync(`/proc/${owner.split('~')[1]}`));
  }

  /** What killed workers left: nothing, after the moment in which the next worker cleans up behind a job's end. */
  async leftovers(): Promise<string[]> {
    for (let patience = 100; ; patience--) {
      const left = [...(await this.orphans()), ...(await this.deadScratch())];
      if (left.length === 0 || patience === 0) return left;
      await sleep(100);
    }
  }

  /** Waits until a statement of somebody else waits for a lock: the deterministic barrier of the lock tests. */
  async untilSomebodyWaits(fragment: string): Promise<void> {
    for (let patience = 600; patience > 0; patience--) {
      const waiting = await this.db.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE '%' || $1 || '%'
           AND pid <> pg_backend_pid()`,
        [fragment],
      );
      if (waiting.length > 0) return;
      await sleep(25);
    }
    throw new Error(`nobody waits for a lock with "${fragment}"`);
  }
}

/** The steps at whose end a worker is killed; `seal`: inside the transaction, with everything written. */
export const STEPS = ['probe', 'frames', 'track', 'gate', 'fit', 'evaluate', 'package', 'seal'] as const;

/** One training, whose worker is killed at each step in turn; a last worker ends it. `kept`: where heavy results are kept, if at all. */
export async function killAtEachStep(bench: RaceBench, kept: string | undefined): Promise<TrainingRow> {
  const training = await bench.training(STEPS.length + 2);
  const options = kept === undefined ? { kept: '' } : {};
  for (const step of STEPS) {
    const worker = bench.worker({ holdAt: step, ...options });
    await worker.at(step);
    await worker.end('SIGKILL');
  }
  bench.worker(options);
  return bench.ended(training.id);
}

export function consentRequest(subjectId: string): object {
  return {
    subjectId,
    scope: {
      purposes: ['training', 'async_video'], intended_uses: ['a test'], allowed_emotions: ['neutral'], max_intensity: 0.5, languages: ['en'],
      realtime: false, max_renders: null, audience_min_age: 0, prohibited_uses: [], script_preapproval: false, export_model: false,
    },
    language: 'en',
    notice: { id: 'n', version: '1', text: 'what happens' },
    controller: { party_id: 'c', party_name: 'C', party_address: 'A', party_contact: 'B' },
    jurisdiction: 'EU',
    validUntil: new Date(Date.now() + 3_600_000),
    zone: 'UTC',
  }; // prettier-ignore
}
