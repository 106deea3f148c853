import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#kernel';
import {
  type TestRedis,
  type TestS3,
  type TestServer,
  startDebianPostgres,
  startRedis,
  startS3Server,
  temporaryHome,
} from '#testing';

/** The switches with real servers behind them; each part is skipped, with a printed reason, where its server cannot be had. */
const [postgres, redis, s3]: [TestServer | undefined, TestRedis | undefined, TestS3 | undefined] = [
  await startDebianPostgres(),
  await startRedis(),
  await startS3Server(),
];
let place: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => {
  place = await temporaryHome();
  await s3?.makeBucket('doctor');
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), redis?.stop(), s3?.stop()]);
  await place.remove();
});

const node = (args: string[], env: Record<string, string>, timeout: number): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, args, {
    cwd: packageRoot(),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    encoding: 'utf8',
    timeout,
  });
const doctor = (env: Record<string, string>): SpawnSyncReturns<string> =>
  node(['bin/assent.mjs', 'doctor'], { ASSENT_HOME: join(place.home, 'home'), ...env }, 100_000);
const bucket = (): Record<string, string> => ({
  S3_ENDPOINT: s3!.url,
  S3_BUCKET: 'doctor',
  S3_ACCESS_KEY: s3!.accessKey,
  S3_SECRET_KEY: s3!.secretKey,
});

describe('assent doctor', () => {
  it('uses the embedded engines where nothing is set', () => {
    const { stdout, status } = doctor({});
    expect(stdout).toMatch(/✓ database: embedded below .*: PostgreSQL 18\.\d+, written and read back/);
    expect(stdout).toMatch(/✓ wake-ups: BullMQ on that database: a message came through/);
    expect(stdout).toMatch(/✓ objects: files below .*: written, measured, read in part, deleted/);
    expect(status, stdout).toBe(0);
  }, 120_000);

  it.skipIf(!postgres || !redis || !s3)(
    'uses the engines that the switches name',
    () => {
      const { stdout, status } = doctor({
        DATABASE_URL: postgres!.url,
        QUEUE_BACKEND: 'redis',
        REDIS_URL: redis!.url,
        ...bucket(),
      });
      expect(stdout).toMatch(/✓ database: DATABASE_URL \(127\.0\.0\.1:\d+\/postgres\): PostgreSQL \d+.*, written and read back/);
      expect(stdout).toMatch(/✓ wake-ups: BullMQ on Redis at 127\.0\.0\.1:\d+.*: a message came through/);
      expect(stdout).toMatch(
        /✓ objects: S3 bucket doctor at http:\/\/127\.0\.0\.1:\d+: written, measured, read in part, deleted/,
      );
      expect(stdout).not.toContain(new URL(postgres!.url).password);
      expect(stdout).not.toContain(s3!.secretKey);
      expect(status, stdout).toBe(0);
    },
    120_000,
  );

  it('says what does not answer, and ends with 1', () => {
    const { stdout, status } = doctor({
      DATABASE_URL: 'postgres://assent:hunter2@127.0.0.1:1/assent',
      QUEUE_BACKEND: 'redis',
      REDIS_URL: 'redis://:hunter2@127.0.0.1:1',
      S3_ENDPOINT: 'http://127.0.0.1:1',
      S3_BUCKET: 'doctor',
      S3_ACCESS_KEY: 'a',
      S3_SECRET_KEY: 'hunter2',
    });
    for (const part of ['database', 'wake-ups', 'objects']) expect(stdout).toMatch(new RegExp(`^✗ ${part}: `, 'm'));
    expect(stdout).not.toContain('hunter2');
    expect(status).toBe(1);
  }, 120_000);
});

describe.skipIf(!postgres)(`the suites of database, queue and objects on ${postgres?.name ?? 'Debian PostgreSQL'}`, () => {
  it('pass as they do on the embedded one', () => {
    const suites = ['libs/platform/db', 'libs/platform/queue/jobs.spec.ts', 'libs/platform/queue/job-worker.spec.ts', 'libs/platform/storage/objects.spec.ts', 'test/conformance/platform.spec.ts']; // prettier-ignore
    const run = node(
      ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', ...suites],
      { ASSENT_TEST_DATABASE_URL: postgres!.url },
      280_000,
    );
    const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{'))) as { numPassedTests: number; numFailedTests: number };
    expect(report.numFailedTests, run.stdout.slice(-3000)).toBe(0);
    expect(report.numPassedTests).toBeGreaterThan(60);
    expect(run.status).toBe(0);
  }, 300_000);
});
