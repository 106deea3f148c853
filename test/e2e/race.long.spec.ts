import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { OPERATOR, RaceBench, STEPS, killAtEachStep } from './race-bench.fixture.ts';

/** Every step of a training is killed in turn; with results kept from step to step, and with each attempt tracked and fitted anew. */
let bench: RaceBench;
beforeAll(async () => void (bench = await RaceBench.open()));
afterEach(() => bench.stopWorkers());
afterAll(() => bench.close());

it('kill -9 at each step of a training: other workers go on, one replica, no orphan, no plaintext left', async () => {
  const training = await killAtEachStep(bench, bench.kept);
  expect(training).toMatchObject({ state: 'succeeded', cancel_reason: null, error: null });
  expect(await bench.replicas(training.id)).toEqual([{ id: training.replica_id, state: 'active' }]);
  expect(await bench.platform.jobs.get(OPERATOR.tenantId, training.job_id!)).toMatchObject({
    state: 'succeeded',
    checkpoint: null, // each attempt from its beginning: the steps are idempotent
  });
  expect((await bench.platform.jobs.get(OPERATOR.tenantId, training.job_id!)).attempts).toBeGreaterThan(STEPS.length);
  expect(await bench.events('training.succeeded', 'trainingId', training.id)).toBe(1);
  expect(await bench.events('replica.created', 'replicaId', training.replica_id!)).toBe(1);
  const kinds = await bench.db.query('SELECT kind FROM objects WHERE subject_id = $1 ORDER BY kind', [training.subject_id]);
  expect(kinds.map(({ kind }) => kind)).toEqual(['consent-clip', 'drive-track', 'footage', 'replica', 'replica-card']);
  expect(await bench.leftovers()).toEqual([]);
}, 300_000);

it('kill -9 at each step, with every attempt from the beginning: one replica, no orphan', async () => {
  const training = await killAtEachStep(bench, undefined);
  expect(training).toMatchObject({ state: 'succeeded' });
  expect(await bench.replicas(training.id)).toEqual([{ id: training.replica_id, state: 'active' }]);
  expect(await bench.events('training.succeeded', 'trainingId', training.id)).toBe(1);
  expect(await bench.leftovers()).toEqual([]);
}, 1_800_000);
