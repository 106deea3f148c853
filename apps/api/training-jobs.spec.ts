import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '#kernel';
import { type Lease, recordJobEvent } from '#queue';
import { TrainingService } from '#training';
import { type TestApi, call, openTestApi } from './api.fixture.ts';
import { type MediaWorld, mediaWorld } from './media-world.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const operator = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  call(api, method, path, { key: api.keys.operator, headers, ...(body === undefined ? {} : { body }) });
async function started(world: MediaWorld): Promise<{ id: string; jobId: string; path: string }> {
  const { status, body } = await operator('POST', '/v1/training-jobs', world.trainingBody);
  expect(status, JSON.stringify(body)).toBe(202);
  const id = String(body['id']);
  const [row] = await api.db.query<{ job_id: string }>('SELECT job_id FROM trainings WHERE id = $1', [id]);
  return { id, jobId: row!.job_id, path: `/v1/training-jobs/${id}` };
}
/** The worker's hold on a job, as a worker would have it. */
async function leaseOf(jobId: string): Promise<Lease> {
  await api.db.query(
    `UPDATE jobs SET run_after = now() + interval '1 hour' WHERE kind = 'training.run' AND state = 'queued' AND id <> $1`,
    [jobId],
  );
  const lease = await api.platform.jobs.acquire(['training.run'], 'test', 60);
  expect(lease?.jobId).toBe(jobId);
  return lease!;
}
/** Ends a job as the worker does when the handler has thrown. */
const settle = (lease: Lease, outcome: Parameters<TrainingService['settled']>[2]) => {
  const work = (tx: Parameters<TrainingService['settled']>[0]) => api.app.get(TrainingService).settled(tx, lease, outcome);
  return outcome.state === 'cancelled' ? lease.settleCancelled(work) : lease.settleFailed(outcome.problem!, work);
};

interface Seen {
  id: number;
  event: string;
  data: Record<string, unknown>;
}
/** Reads server-sent events by hand, until `enough` or the server ends the stream. */
async function follow(path: string, options: { after?: number; enough?: (seen: Seen[]) => boolean } = {}) {
  const connection = new AbortController();
  const headers = {
    authorization: `Bearer ${api.keys.operator}`,
    ...(options.after === undefined ? {} : { 'last-event-id': String(options.after) }),
  };
  const response = await fetch(`${api.url}${path}/events`, { headers, signal: connection.signal });
  const seen: Seen[] = [];
  let text = '';
  if (response.body)
    for await (const bytes of response.body) {
      text += Buffer.from(bytes).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        if (field('event') === undefined) continue;
        seen.push({
          id: Number(field('id')),
          event: field('event')!,
          data: JSON.parse(field('data')!) as Record<string, unknown>,
        });
      }
      if (options.enough?.(seen)) break;
    }
  connection.abort();
  return { response, seen };
}

describe('a training job', () => {
  it('202 with an address; it waits, and says when to ask again', async () => {
    const world = await mediaWorld(api);
    const made = await operator('POST', '/v1/training-jobs', { ...world.trainingBody, subject_id: world.subjectId });
    expect(made.status).toBe(202);
    const id = String(made.body['id']);
    expect(made.headers.get('location')).toBe(`/v1/training-jobs/${id}`);
    expect(made.body).toEqual({
      id, state: 'queued', stage: null, progress: 0, eta_seconds: null, subject_id: world.subjectId, consent_id: world.consentId,
      upload_id: world.uploadId, replica_id: null, cancel_reason: null, error: null, stages: [], created_at: made.body['created_at'], finished_at: null,
    }); // prettier-ignore
    const read = await operator('GET', `/v1/training-jobs/${id}`);
    expect(read).toMatchObject({ status: 200, body: made.body });
    expect(read.headers.get('retry-after')).toBe('2');
    expect((await operator('GET', `/v1/training-jobs?subject_id=${world.subjectId}`)).body).toEqual({
      data: [made.body],
      next_cursor: null,
    });
    expect(await call(api, 'GET', `/v1/training-jobs/${id}`, { key: api.otherTenant.admin })).toMatchObject({ status: 404 });
  });

  it('the same key asks for one training, also when the stored answer is lost', async () => {
    const world = await mediaWorld(api);
    const key = { 'idempotency-key': `k-${newId()}` };
    const asked = await Promise.all([1, 2, 3].map(() => operator('POST', '/v1/training-jobs', world.trainingBody, key)));
    await api.db.query('DELETE FROM idempotency_keys');
    asked.push(await operator('POST', '/v1/training-jobs', world.trainingBody, key));
    expect(new Set(asked.filter(({ status }) => status === 202).map(({ body }) => body['id'])).size).toBe(1);
    for (const { status } of asked) expect([202, 409]).toContain(status);
    expect(await api.db.query('SELECT 1 FROM trainings WHERE consent_id = $1', [world.consentId])).toHaveLength(1);
  });

  it.each([
    ['withdraw', 'consent-withdrawn'],
    ['pause', 'consent-paused'],
    ['expire', 'consent-expired'],
  ] as const)('after %s: 403 %s, one refusal in the log, no training', async (act, code) => {
    const world = await mediaWorld(api);
    await world[act]();
    expect(await operator('POST', '/v1/training-jobs', world.trainingBody)).toMatchObject({ status: 403, body: { code } });
    expect(await world.refusals()).toEqual([expect.objectContaining({ gate: 'training-request', slug: code })]);
    expect(await api.db.query('SELECT 1 FROM trainings WHERE consent_id = $1', [world.consentId])).toEqual([]);
  });

  it('before it is given, of another person, for another purpose: 403 with its own slug', async () => {
    const world = await mediaWorld(api);
    const other = await mediaWorld(api);
    const foreign = await operator('POST', '/v1/training-jobs', { ...world.trainingBody, consent_id: other.consentId });
    expect(foreign).toMatchObject({ status: 403, body: { code: 'consent-scope' } });
    const purpose = await operator('POST', '/v1/training-jobs', { ...world.trainingBody, purpose: 'evaluation' });
    expect(purpose).toMatchObject({ status: 403, body: { code: 'consent-scope', purpose: 'evaluation' } });
    await api.db.query(`UPDATE consents SET state = 'requested' WHERE id = $1`, [world.consentId]);
    expect(await operator('POST', '/v1/training-jobs', world.trainingBody)).toMatchObject({
      status: 403,
      body: { code: 'consent-not-given' },
    });
    const named = await operator('POST', '/v1/training-jobs', { ...world.trainingBody, subject_id: other.subjectId });
    expect(named).toMatchObject({ status: 422, body: { errors: [{ pointer: '/subject_id' }] } });
  });

  it('shows stage, progress, time left and what each stage took; then its end', async () => {
    const world = await mediaWorld(api);
    const { path, jobId } = await started(world);
    const lease = await leaseOf(jobId);
    await lease.stage('probe', { stage: 'probe', progress: 0, eta_seconds: null });
    await lease.stage('track', { stage: 'track', progress: 0.2, eta_seconds: 70 });
    await api.db.query(`UPDATE trainings SET state = 'preflight' WHERE job_id = $1`, [jobId]);
    const running = await operator('GET', path);
    expect(running.headers.get('retry-after')).toBe('2');
    expect(running.body).toMatchObject({ state: 'preflight', stage: 'track', progress: 0.2, eta_seconds: 70 });
    expect(running.body['stages']).toMatchObject([
      { name: 'probe', ms: expect.any(Number) as number },
      { name: 'track', ms: null },
    ]);
    const problem = { type: 't', title: 'No face', status: 422, detail: 'There is no face.', code: 'no-face' };
    await settle(lease, { state: 'failed', problem });
    const ended = await operator('GET', path);
    expect(ended.headers.get('retry-after')).toBeNull();
    expect(ended.body).toMatchObject({ state: 'preflight_rejected', stage: null, eta_seconds: null, error: { code: 'no-face' } });
    expect(await operator('POST', `${path}/cancel`)).toMatchObject({ status: 409, body: { code: 'state-conflict' } });
  });

  it('cancelled by its owner: cancelling, then cancelled, without a refusal in the log', async () => {
    const world = await mediaWorld(api);
    const { path, jobId } = await started(world);
    expect(await operator('POST', `${path}/cancel`)).toMatchObject({
      status: 202,
      body: { state: 'cancelling', cancel_reason: 'user' },
    });
    const lease = await leaseOf(jobId);
    await settle(lease, { state: 'cancelled', cancelReason: 'user' });
    expect(await operator('POST', `${path}/cancel`)).toMatchObject({
      status: 202,
      body: { state: 'cancelled', cancel_reason: 'user' },
    });
    expect(await world.refusals()).toEqual([]);
  });

  it.each([
    ['the news of the withdrawal', (lease: Lease) => settle(lease, { state: 'cancelled', cancelReason: 'consent' })],
    [
      'the gate itself',
      (lease: Lease) =>
        settle(lease, {
          state: 'failed',
          problem: { type: 't', title: 't', status: 403, detail: 'd', code: 'consent-withdrawn' },
        }),
    ],
  ])('stopped by %s: cancelled for the consent, one refusal in the log', async (_, stop) => {
    const world = await mediaWorld(api);
    const { path, jobId } = await started(world);
    const lease = await leaseOf(jobId);
    await world.withdraw();
    await stop(lease);
    expect((await operator('GET', path)).body).toMatchObject({ state: 'cancelled', cancel_reason: 'consent', replica_id: null });
    expect(await world.refusals()).toEqual([expect.objectContaining({ gate: 'consent', slug: 'consent-withdrawn' })]);
  });
});

describe('the events of a training job (case OP-04)', () => {
  const tell = (jobId: string, i: number) => api.db.tx((tx) => recordJobEvent(tx, jobId, 'progress', { i }));

  it('come at once, in headers and form that no proxy holds back', async () => {
    const { path, id } = await started(await mediaWorld(api));
    const { response, seen } = await follow(path, { enough: (all) => all.length > 0 });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(seen).toEqual([{ id: 1, event: 'state', data: { id, state: 'queued' } }]);
  });

  it('a client that is cut again and again sees each event once, in order, to the end; then there is nothing to wait for', async () => {
    const { path, jobId } = await started(await mediaWorld(api));
    const writing = (async () => {
      for (let i = 0; i < 60; i++) {
        await tell(jobId, i);
        await sleep(5);
      }
      await api.db.tx((tx) => recordJobEvent(tx, jobId, 'end', { state: 'succeeded' }));
    })();
    const seen: Seen[] = [];
    while (seen.at(-1)?.event !== 'end') {
      const want = 1 + (seen.length % 9);
      seen.push(
        ...(await follow(path, { ...(seen.length > 0 ? { after: seen.at(-1)!.id } : {}), enough: (all) => all.length >= want }))
          .seen,
      );
    }
    await writing;
    expect(seen.map(({ id }) => id)).toEqual(Array.from({ length: 62 }, (_, i) => i + 1));
    expect(seen.filter(({ event }) => event === 'progress').map(({ data }) => data['i'])).toEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
    expect((await follow(path, { after: 62 })).response.status).toBe(204);
  });

  it('an id that was never given out is refused; a foreign job is not found; no key, no stream', async () => {
    const { path } = await started(await mediaWorld(api));
    for (const id of ['99', 'x', '-1'])
      expect(await operator('GET', `${path}/events`, undefined, { 'last-event-id': id })).toMatchObject({
        status: 422,
        body: { code: 'invalid-input' },
      });
    expect(await call(api, 'GET', `${path}/events`, { key: api.otherTenant.admin })).toMatchObject({ status: 404 });
    expect(await call(api, 'GET', `${path}/events`)).toMatchObject({ status: 401 });
  });

  it('hundred watchers of one job all see its end', async () => {
    const { path, jobId } = await started(await mediaWorld(api));
    const watching = Array.from({ length: 100 }, () => follow(path));
    await sleep(300);
    await api.db.tx((tx) => recordJobEvent(tx, jobId, 'end', { state: 'failed' }));
    for (const { seen } of await Promise.all(watching)) expect(seen.map(({ event }) => event)).toEqual(['state', 'end']);
  });
});
