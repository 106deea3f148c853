import { Readable } from 'node:stream';
import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec, idCursor, page, pageOf, pageQuery, sendRange } from '#http'; // prettier-ignore
import { Objects } from '#storage';
import type { ReplicaRow } from './replicas.entities.ts';
import { ReplicasService } from './replicas.service.ts';
import { REPLICA_STATES } from './replicas.states.ts';

export const replicaWire = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(REPLICA_STATES),
    subject_id: z.uuid(),
    consent_id: z.uuid(),
    training_id: z.uuid(),
    sha256: z.string().describe('of the sealed model'),
    manifest: z.looseObject({}).describe('how it was made: engine, sizes, figures; nothing about the person'),
    card_url: z.string().describe('relative: a picture, signed'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Replica' });

const tag = 'replicas';
const one = z.strictObject({ id: z.uuid() });
const LIST = {
  method: 'GET', path: '/v1/replicas', permission: 'replicas.read', tag,
  summary: 'List replicas, newest first',
  query: z.strictObject({ ...pageQuery, state: z.enum(REPLICA_STATES).optional(), subject_id: z.uuid().optional() }),
  responses: { 200: { description: 'A page.', schema: pageOf(replicaWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/replicas/:id', permission: 'replicas.read', tag, params: one,
  summary: 'Read a replica',
  description: '`active` while its consent is given, `restricted` while it is paused, `sealed` once it has ended.',
  responses: { 200: { description: 'The replica.', schema: replicaWire } },
} as const satisfies RouteSpec; // prettier-ignore
const CARD = {
  method: 'GET', path: '/v1/replicas/:id/card', permission: 'replicas.read', tag, params: one,
  summary: 'The picture of a replica, signed with C2PA',
  responses: { 200: { description: 'The picture.', mediaType: 'image/png' } },
  refusals: ['consent-withdrawn', 'consent-expired', 'consent-paused', 'erased'],
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class ReplicasController {
  constructor(
    @Inject(ReplicasService) private readonly replicas: ReplicasService,
    @Inject(Objects) private readonly objects: Objects,
  ) {}

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>): Promise<object> {
    const { state, subject_id: subjectId, limit, cursor } = query;
    const found = await this.replicas.list(principal.tenantId, { state, subjectId, after: idCursor(cursor), limit: limit + 1 });
    const { data, next_cursor } = page(found, limit, ({ id }) => [id]);
    return { data: data.map(toWire), next_cursor };
  }

  @Route(READ)
  async read(@Call() { principal, params }: RouteCall<typeof READ>): Promise<object> {
    return toWire(await this.replicas.get(principal.tenantId, params.id));
  }

  @Route(CARD)
  async card(@Call() { principal, params, request, reply }: RouteCall<typeof CARD>): Promise<void> {
    const replica = await this.replicas.requireShowable(principal.tenantId, params.id);
    const object = await this.objects.get(principal.tenantId, replica.card_object_id);
    await sendRange(request, reply, {
      bytes: Number(object.bytes),
      mediaType: object.media_type,
      sha256: object.sha256,
      fileName: `replica-${replica.id}.png`,
      open: (start, end) =>
        Readable.from(this.objects.read(principal.tenantId, object.id, { start, end }), { objectMode: false }),
    });
  }
}

const toWire = (row: ReplicaRow): z.input<typeof replicaWire> => ({
  id: row.id,
  state: row.state,
  subject_id: row.subject_id,
  consent_id: row.consent_id,
  training_id: row.training_id,
  sha256: row.sha256,
  manifest: row.manifest,
  card_url: `/v1/replicas/${row.id}/card`,
  created_at: row.created_at.toISOString(),
});
