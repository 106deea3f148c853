import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec, idCursor, lastEventId, openEventStream, page, pageOf, pageQuery, sendRange } from '#http'; // prettier-ignore
import { purposeSchema } from '#consent';
import { JobEventFeed, dedupeKeyOf } from '#queue';
import { RenderDownloads } from './render-downloads.ts';
import { type RenderWire, isRunning, renderWire } from './render-wire.ts';
import { RenderingService } from './rendering.service.ts';
import { RENDER_STATES } from './rendering.states.ts';

const tag = 'renders';
const one = z.strictObject({ id: z.uuid() });
const render = { description: 'The render.', schema: renderWire };
const consentRefusals = ['consent-not-given', 'consent-withdrawn', 'consent-paused', 'consent-expired', 'consent-scope'];
const REQUEST = {
  method: 'POST', path: '/v1/renders', permission: 'renders.create', tag,
  summary: 'Render an active replica',
  description: 'The consent is required here, again when a worker takes the job, and again in the moment of publication. A refusal is in the log. What is published carries a label, a watermark and C2PA.',
  body: z.strictObject({
    replica_id: z.uuid(),
    purpose: purposeSchema.describe('one that the person agreed to'),
    start: z.number().min(0).default(0).describe('seconds into the coefficient track of the footage'),
    seconds: z.number().min(1).max(600),
    audio: z.enum(['own', 'none']).default('own').describe('the same stretch of the person’s own voice, or none'),
  }),
  responses: { 202: { ...render, headers: { Location: 'its address, relative', 'Retry-After': 'seconds' } } },
  refusals: [...consentRefusals, 'replica-not-active', 'signer-not-ready'],
} as const satisfies RouteSpec; // prettier-ignore
const LIST = {
  method: 'GET', path: '/v1/renders', permission: 'renders.read', tag,
  summary: 'List renders, newest first',
  query: z.strictObject({ ...pageQuery, state: z.enum(RENDER_STATES).optional(), replica_id: z.uuid().optional() }),
  responses: { 200: { description: 'A page.', schema: pageOf(renderWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/renders/:id', permission: 'renders.read', tag, params: one,
  summary: 'Read a render',
  responses: { 200: { ...render, headers: { 'Retry-After': 'seconds, while it is being made' } } },
} as const satisfies RouteSpec; // prettier-ignore
const EVENTS = {
  method: 'GET', path: '/v1/renders/:id/events', permission: 'renders.read', tag, params: one,
  summary: 'Follow a render (server-sent events)',
  description: 'Events `state`, `progress` and, last, `end`. After a cut, `Last-Event-ID` goes on without gap or repeat; 204 once the end was seen.',
  responses: { 200: { description: 'The stream.', mediaType: 'text/event-stream' }, 204: { description: 'You have seen the end.' } },
  refusals: ['consent-withdrawn', 'erased'],
} as const satisfies RouteSpec; // prettier-ignore
const DOWNLOAD = {
  method: 'GET', path: '/v1/renders/:id/download', permission: 'renders.download', tag, params: one,
  summary: 'Download a published render',
  description: 'Takes Range and If-Range. When the consent ends, downloads end too, those that run as well.',
  responses: { 200: { description: 'The file.', mediaType: 'video/mp4' }, 206: { description: 'A part of it.', mediaType: 'video/mp4' } },
  refusals: ['render-not-published', 'range-not-satisfiable', 'consent-withdrawn', 'consent-expired', 'consent-paused', 'erased'],
} as const satisfies RouteSpec; // prettier-ignore
const CANCEL = {
  method: 'POST', path: '/v1/renders/:id/cancel', permission: 'renders.cancel', tag, params: one,
  summary: 'Stop a render that is being made',
  responses: { 202: render },
  refusals: ['state-conflict'],
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class RenderingController {
  constructor(
    @Inject(RenderingService) private readonly renders: RenderingService,
    @Inject(RenderDownloads) private readonly downloads: RenderDownloads,
    @Inject(JobEventFeed) private readonly feed: JobEventFeed,
  ) {}

  @Route(REQUEST)
  async request(@Call() { principal, body, idempotencyKey, reply }: RouteCall<typeof REQUEST>): Promise<RenderWire> {
    const { replica_id: replicaId, ...rest } = body;
    const { id } = await this.renders.request(
      principal,
      { replicaId, ...rest, demo: false },
      dedupeKeyOf(principal, idempotencyKey),
    );
    reply.headers({ location: `/v1/renders/${id}`, 'retry-after': '2' });
    return this.renders.view(principal.tenantId, id);
  }

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>): Promise<object> {
    const { state, replica_id: replicaId, limit, cursor } = query;
    const found = await this.renders.list(principal.tenantId, { state, replicaId, after: idCursor(cursor), limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ id }) => [id]);
    return { data: await this.renders.views(data), next_cursor };
  }

  @Route(READ)
  async read(@Call() { principal, params, reply }: RouteCall<typeof READ>): Promise<RenderWire> {
    const view = await this.renders.view(principal.tenantId, params.id);
    if (isRunning(view.state)) reply.header('retry-after', '2');
    return view;
  }

  @Route(EVENTS)
  async events(@Call() { principal, params, request, reply }: RouteCall<typeof EVENTS>): Promise<void> {
    const row = await this.renders.get(principal.tenantId, params.id);
    // A render that is being made tells its own end; of one that was published nothing is told once its consent has ended.
    if (!isRunning(row.state)) await this.downloads.requireInForce(principal, row);
    const after = await this.feed.resume(row.job_id!, lastEventId(request));
    if (after === undefined) {
      void reply.code(204).send(); // an EventSource that gets this connects no more
      return;
    }
    const stream = openEventStream(reply, { retryMs: 2000, heartbeatMs: 10_000 });
    for await (const { seq, kind, data } of this.feed.watch(row.job_id!, after, stream.signal))
      stream.send({ id: seq, event: kind, data: { id: params.id, ...data } });
    stream.close();
  }

  @Route(DOWNLOAD)
  async download(@Call() { principal, params, request, reply }: RouteCall<typeof DOWNLOAD>): Promise<void> {
    const { render: row, object } = await this.downloads.require(principal, params.id);
    await sendRange(request, reply, {
      bytes: Number(object.bytes),
      mediaType: object.media_type,
      sha256: object.sha256,
      fileName: `render-${row.id}.mp4`,
      open: (start, end) => this.downloads.open(principal.tenantId, row, start, end),
    });
  }

  @Route(CANCEL)
  async cancel(@Call() { principal, params }: RouteCall<typeof CANCEL>): Promise<RenderWire> {
    await this.renders.cancel(principal, params.id);
    return this.renders.view(principal.tenantId, params.id);
  }
}
