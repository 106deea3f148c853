import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec, idCursor, lastEventId, openEventStream, page, pageOf, pageQuery } from '#http'; // prettier-ignore
import { InvalidInputError } from '#kernel';
import { JobEventFeed, dedupeKeyOf } from '#queue';
import { UploadsService } from '#uploads';
import { trainingOptionsSchema } from './training.schema.ts';
import { TrainingService } from './training.service.ts';
import { TRAINING_STATES } from './training.states.ts';
import { type TrainingWire, isRunning, trainingWire } from './training-wire.ts';

const tag = 'training jobs';
const one = z.strictObject({ id: z.uuid() });
const job = { description: 'The job.', schema: trainingWire };
const refusals = ['consent-not-given', 'consent-withdrawn', 'consent-paused', 'consent-expired', 'consent-scope'];
const START = {
  method: 'POST', path: '/v1/training-jobs', permission: 'trainings.create', tag,
  summary: 'Train a replica of a person who has consented',
  description: 'The consent is required here, again when a worker takes the job, and again in the moment in which the replica comes to exist. A refusal is in the log.',
  body: z.strictObject({
    subject_id: z.uuid().optional().describe('to be sure: must be the person in the footage'),
    consent_id: z.uuid(),
    upload_id: z.uuid().describe('footage, uploaded and `ready`'),
    purpose: z.enum(['training', 'evaluation']).default('training').describe('what the person agreed to'),
    options: trainingOptionsSchema.omit({ purpose: true, neutralSeconds: true }).extend({
      neutral_seconds: z.number().min(0).max(10).optional().describe('seconds of neutral face at the start of the footage'),
    }).prefault({}),
  }),
  responses: { 202: { ...job, headers: { Location: 'its address, relative', 'Retry-After': 'seconds' } } },
  refusals: [...refusals, 'upload-not-ready', 'signer-not-ready'],
} as const satisfies RouteSpec; // prettier-ignore
const LIST = {
  method: 'GET', path: '/v1/training-jobs', permission: 'trainings.read', tag,
  summary: 'List training jobs, newest first',
  query: z.strictObject({ ...pageQuery, state: z.enum(TRAINING_STATES).optional(), subject_id: z.uuid().optional() }),
  responses: { 200: { description: 'A page.', schema: pageOf(trainingWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/training-jobs/:id', permission: 'trainings.read', tag, params: one,
  summary: 'Read a training job',
  responses: { 200: { ...job, headers: { 'Retry-After': 'seconds, while it runs' } } },
} as const satisfies RouteSpec; // prettier-ignore
const EVENTS = {
  method: 'GET', path: '/v1/training-jobs/:id/events', permission: 'trainings.read', tag, params: one,
  summary: 'Follow a training job (server-sent events)',
  description: 'Events `state`, `progress` and, last, `end`. After a cut, `Last-Event-ID` goes on without gap or repeat; 204 once the end was seen.',
  responses: {
    200: { description: 'The stream.', mediaType: 'text/event-stream' },
    204: { description: 'You have seen the end.' },
  },
} as const satisfies RouteSpec; // prettier-ignore
const CANCEL = {
  method: 'POST', path: '/v1/training-jobs/:id/cancel', permission: 'trainings.cancel', tag, params: one,
  summary: 'Stop a training job',
  responses: { 202: job },
  refusals: ['state-conflict'],
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class TrainingController {
  constructor(
    @Inject(TrainingService) private readonly trainings: TrainingService,
    @Inject(UploadsService) private readonly uploads: UploadsService,
    @Inject(JobEventFeed) private readonly feed: JobEventFeed,
  ) {}

  @Route(START)
  async start(@Call() { principal, body, idempotencyKey, reply }: RouteCall<typeof START>): Promise<TrainingWire> {
    const { neutral_seconds: neutralSeconds, ...options } = body.options;
    if (body.subject_id !== undefined) {
      const upload = await this.uploads.get(principal.tenantId, body.upload_id);
      if (upload.subject_id !== body.subject_id)
        throw new InvalidInputError('The footage is of another subject.', [
          { pointer: '/subject_id', detail: 'not the subject of the upload' },
        ]);
    }
    const request = {
      consentId: body.consent_id,
      uploadId: body.upload_id,
      options: { ...options, purpose: body.purpose, ...(neutralSeconds === undefined ? {} : { neutralSeconds }) },
    };
    const { id } = await this.trainings.start(principal, request, dedupeKeyOf(principal, idempotencyKey));
    reply.headers({ location: `/v1/training-jobs/${id}`, 'retry-after': '2' });
    return this.trainings.view(principal.tenantId, id);
  }

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>): Promise<object> {
    const { state, subject_id: subjectId, limit, cursor } = query;
    const found = await this.trainings.list(principal.tenantId, { state, subjectId, after: idCursor(cursor), limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ id }) => [id]);
    return { data: await this.trainings.views(data), next_cursor };
  }

  @Route(READ)
  async read(@Call() { principal, params, reply }: RouteCall<typeof READ>): Promise<TrainingWire> {
    const view = await this.trainings.view(principal.tenantId, params.id);
    if (isRunning(view.state)) reply.header('retry-after', '2');
    return view;
  }

  @Route(EVENTS)
  async events(@Call() { principal, params, request, reply }: RouteCall<typeof EVENTS>): Promise<void> {
    const { job_id: jobId } = await this.trainings.get(principal.tenantId, params.id);
    const after = await this.feed.resume(jobId!, lastEventId(request));
    if (after === undefined) {
      void reply.code(204).send(); // an EventSource that gets this connects no more
      return;
    }
    const stream = openEventStream(reply, { retryMs: 2000, heartbeatMs: 10_000 });
    for await (const { seq, kind, data } of this.feed.watch(jobId!, after, stream.signal))
      stream.send({ id: seq, event: kind, data: { id: params.id, ...data } });
    stream.close();
  }

  @Route(CANCEL)
  async cancel(@Call() { principal, params }: RouteCall<typeof CANCEL>): Promise<TrainingWire> {
    const { id } = await this.trainings.cancel(principal, params.id);
    return this.trainings.view(principal.tenantId, id);
  }
}
