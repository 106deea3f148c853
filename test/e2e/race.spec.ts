import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RaceBench as Bench, OPERATOR, RaceBench } from './race-bench.fixture.ts';

/** The races of the platform with real worker processes from dist, met at the step where they hurt. */
let bench: Bench;
beforeAll(async () => void (bench = await RaceBench.open()));
afterEach(() => bench.stopWorkers());
afterAll(() => bench.close());

/** Cancelled by the consent, and nothing of it can be found but the log's one refusal. */
async function expectRefused(trainingId: string): Promise<void> {
  const training = await bench.ended(trainingId);
  expect(training).toMatchObject({ state: 'cancelled', cancel_reason: 'consent', replica_id: null });
  const job = await bench.platform.jobs.get(OPERATOR.tenantId, training.job_id!);
  expect(job.finished_at).not.toBeNull();
  expect(await bench.replicas(trainingId)).toEqual([]);
  expect(await bench.events('gate.refused', 'trainingId', trainingId)).toBe(1);
  expect(await bench.events('training.cancelled', 'trainingId', trainingId)).toBe(1);
  expect(await bench.events('training.succeeded', 'trainingId', trainingId)).toBe(0);
  expect(await bench.leftovers()).toEqual([]);
}

describe('consent withdrawn while a job runs', () => {
  it('and its worker is paused across it: the job is cancelled, the late riser changes nothing', async () => {
    const training = await bench.training();
    const late = bench.worker({ holdAt: 'fit' });
    await late.at('fit');
    late.pause();
    await bench.consents.withdraw(OPERATOR, training.consent_id);
    bench.worker();
    await bench.ended(training.id);
    late.go();
    late.wake();
    await late.until(({ message }) => /LeaseLostError|took this job/.test(String(message)));
    await expectRefused(training.id);
  }, 120_000);

  it('and its worker is paused inside the very transaction that publishes: the withdrawal does not wait for it', async () => {
    const training = await bench.training();
    const late = bench.worker({ holdAt: 'seal' });
    await late.at('seal'); // everything is written, the consent is locked FOR SHARE, nothing is committed
    late.pause();
    await bench.consents.withdraw(OPERATOR, training.consent_id); // PostgreSQL ends the sleeping transaction
    bench.worker();
    await bench.ended(training.id);
    late.go();
    late.wake();
    await expectRefused(training.id);
  }, 120_000);
});

describe('the lock between publishing and withdrawing (DESIGN §1)', () => {
  it('publishing first: the withdrawal waits, then wins for everything that follows', async () => {
    const training = await bench.training();
    const worker = bench.worker({ holdAt: 'seal', leaseSeconds: 60 });
    await worker.at('seal');
    let withdrawn = false;
    const withdrawal = bench.consents.withdraw(OPERATOR, training.consent_id).then(() => (withdrawn = true));
    await bench.untilSomebodyWaits('FOR UPDATE');
    expect(withdrawn).toBe(false);
    expect(await bench.replicas(training.id)).toEqual([]);
    worker.go();
    await withdrawal;
    const [replica] = await bench.replicas(training.id);
    expect(replica).toBeDefined(); // committed before the withdrawal was
    expect(await bench.ended(training.id)).toMatchObject({ state: 'succeeded' });
    for (let patience = 200; patience > 0 && (await bench.replicas(training.id))[0]!.state === 'active'; patience--)
      await sleep(50);
    expect((await bench.replicas(training.id))[0]!.state).not.toBe('active'); // and the same worker hears of it
    expect(await bench.events('gate.refused', 'trainingId', training.id)).toBe(0);
    expect(await bench.leftovers()).toEqual([]);
  }, 120_000);

  it('withdrawing first: publishing waits, then is refused, and nothing of it stays', async () => {
    const training = await bench.training();
    const worker = bench.worker({ holdAt: 'seal-before', leaseSeconds: 60 });
    await worker.at('seal-before');
    // The withdrawal is stopped between its lock on the consent and its commit, at the log's outbox.
    const runner = bench.db.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('LOCK TABLE audit_outbox IN SHARE MODE');
    const withdrawal = bench.consents.withdraw(OPERATOR, training.consent_id);
    await bench.untilSomebodyWaits('audit_outbox');
    worker.go();
    await bench.untilSomebodyWaits('FOR SHARE');
    await runner.commitTransaction();
    await runner.release();
    await withdrawal;
    await expectRefused(training.id);
  }, 120_000);
});
