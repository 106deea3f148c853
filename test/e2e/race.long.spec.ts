import { afterAll, beforeAll, expect, it } from 'vitest';
import { RaceBench, killAtEachStep } from './race-bench.fixture.ts';

/** The matrix of race.spec.ts without any kept result: each attempt tracks and fits anew. */
let bench: RaceBench;
beforeAll(async () => void (bench = await RaceBench.open()));
afterAll(() => bench.close());

it('kill -9 at each step, with every attempt from the beginning: one replica, no orphan', async () => {
  const training = await killAtEachStep(bench, undefined);
  expect(training).toMatchObject({ state: 'succeeded' });
  expect(await bench.replicas(training.id)).toEqual([{ id: training.replica_id, state: 'active' }]);
  expect(await bench.events('training.succeeded', 'trainingId', training.id)).toBe(1);
  expect(await bench.orphans()).toEqual([]);
}, 1_800_000);
