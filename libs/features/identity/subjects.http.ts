import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec, idCursor, page, pageOf, pageQuery } from '#http';
import { personName } from './person-name.ts';
import { type SubjectInfo, SubjectsService } from './subjects.service.ts';

export const subjectWire = z
  .strictObject({
    id: z.uuid(),
    state: z.enum(['active', 'erasing', 'erased']),
    name: z.string().nullable().describe('null: none was given, or it was erased'),
    created_at: z.iso.datetime(),
    erased_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Subject' });

const tag = 'subjects';
const CREATE = {
  method: 'POST', path: '/v1/subjects', permission: 'subjects.write', tag,
  summary: 'Name a person whose consent will be asked',
  description: 'A subject is a pseudonym with a key of its own. The name is optional, sealed under that key, and stands in no log.',
  body: z.strictObject({ name: personName.optional().describe('one field, 1 to 200 characters of any script') }),
  responses: { 201: { description: 'The subject.', schema: subjectWire, headers: { Location: 'its address, relative' } } },
} as const satisfies RouteSpec; // prettier-ignore
const LIST = {
  method: 'GET', path: '/v1/subjects', permission: 'subjects.read', tag,
  summary: 'List subjects, newest first',
  query: z.strictObject(pageQuery),
  responses: { 200: { description: 'A page.', schema: pageOf(subjectWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/subjects/:id', permission: 'subjects.read', tag,
  summary: 'Read a subject',
  params: z.strictObject({ id: z.uuid() }),
  responses: { 200: { description: 'The subject.', schema: subjectWire } },
} as const satisfies RouteSpec; // prettier-ignore

/** Erasure stands with the app: it needs the consents, which this room may not see. */
@RouteController()
export class SubjectsController {
  constructor(@Inject(SubjectsService) private readonly subjects: SubjectsService) {}

  @Route(CREATE)
  async create(@Call() { principal, body, reply }: RouteCall<typeof CREATE>): Promise<object> {
    const row = await this.subjects.create(principal, body);
    reply.header('location', `/v1/subjects/${row.id}`);
    return toWire(row, body.name ?? null);
  }

  @Route(LIST)
  async list(@Call() { principal, query }: RouteCall<typeof LIST>): Promise<object> {
    const found = await this.subjects.list(principal.tenantId, { limit: query.limit + 1, after: idCursor(query.cursor) });
    const { data, next_cursor } = page(found, query.limit, (row) => [row.id]);
    const names = await this.subjects.names(principal.tenantId, data.map((row) => row.id)); // prettier-ignore
    return { data: data.map((row) => toWire(row, names.get(row.id) ?? null)), next_cursor };
  }

  @Route(READ)
  async read(@Call() { principal, params }: RouteCall<typeof READ>): Promise<object> {
    const row = await this.subjects.get(principal.tenantId, params.id);
    return toWire(row, await this.subjects.nameOf(principal.tenantId, params.id));
  }
}

const toWire = ({ id, state, created_at, erased_at }: SubjectInfo, name: string | null): z.input<typeof subjectWire> => ({
  id,
  state,
  name,
  created_at: created_at.toISOString(),
  erased_at: erased_at?.toISOString() ?? null,
});
