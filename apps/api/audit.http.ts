import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Audit, exportBundle, logPage } from '#audit';
import { Db } from '#db';
import {
  Call,
  Route,
  type RouteCall,
  RouteController,
  type RouteSpec,
  decodeCursor,
  encodeCursor,
  pageOf,
  pageQuery,
} from '#http';
import { DomainError } from '#kernel';
import type { Platform } from '../platform.module.ts';
import { bundleFolder, tarFolder } from './bundle-stream.ts';
import { PLATFORM } from './platform.token.ts';

/** A bounded service: the next one waits outside. */
export class OverloadedError extends DomainError {
  override readonly problem = { slug: 'overloaded', status: 503, title: 'Too much of this runs already' } as const;
}

/** Exports at once in this process: each holds a folder of the log's size. */
const MAX_EXPORTS = 4;

const eventWire = z
  .strictObject({
    index: z.int().describe('place in the log; entries never move'),
    line: z.string().describe('the exact bytes that were hashed: CloudEvents 1.0 in RFC 8785 form'),
    event: z.record(z.string(), z.unknown()).describe('the same, parsed'),
  })
  .meta({ id: 'AuditEntry' });

const logIndex = z.coerce.number().int().min(0);
const tag = 'audit';
const EVENTS = {
  method: 'GET', path: '/v1/audit/events', permission: 'audit.read', tag,
  summary: "List the log's entries of this tenant, oldest first",
  description: 'The cursor is an index of the log. To go on later, ask again with `since` = last index + 1.',
  query: z.strictObject({ ...pageQuery, since: logIndex.optional().describe('first index; not together with a cursor') }),
  responses: { 200: { description: 'A page.', schema: pageOf(eventWire) } },
} as const satisfies RouteSpec; // prettier-ignore
const EXPORT = {
  method: 'GET', path: '/v1/audit/export', permission: 'audit.export', tag,
  summary: 'Export a bundle that verifies offline',
  description:
    "A tar of this tenant's entries with proofs, the signed checkpoint and two verifiers (docs/guides/auditor.md). Waits until everything that is committed stands in the log; the export itself is then recorded.",
  query: z.strictObject({
    since: logIndex.default(0).describe('first index'),
    until: logIndex.optional().describe('ends at the oldest checkpoint that covers this many entries; the newest if left out'),
  }),
  responses: { 200: { description: 'The bundle.', mediaType: 'application/x-tar', schema: z.string().meta({ format: 'binary' }) } },
  refusals: ['log-unavailable', 'overloaded'],
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class AuditController {
  #exports = 0;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(PLATFORM) private readonly platform: Platform,
  ) {}

  @Route(EVENTS)
  async events(@Call() { principal, query }: RouteCall<typeof EVENTS>): Promise<object> {
    const from = decodeCursor(z.tuple([z.int().min(0)]), query.cursor)?.[0] ?? query.since ?? 0;
    const { entries, next, complete } = await logPage(this.db, { from, limit: query.limit, tenantId: principal.tenantId });
    const data = entries.map(({ index, line }) => ({ index, line, event: JSON.parse(line) as Record<string, unknown> }));
    return { data, next_cursor: complete ? null : encodeCursor([next]) };
  }

  /** Folder first, then the record of it, then the bytes: an export that could not be recorded is not sent (DESIGN rule 1). */
  @Route(EXPORT)
  async export(@Call() { principal, query, request, reply }: RouteCall<typeof EXPORT>): Promise<void> {
    reply.headers({ 'content-type': 'application/x-tar', 'content-disposition': 'attachment; filename="assent-audit.tar"' });
    if (request.method === 'HEAD') return;
    if (this.#exports >= MAX_EXPORTS)
      throw new OverloadedError('Several exports run already. Try again in a few seconds.', { retry_after: 5 });
    this.#exports++;
    const { folder, remove } = await bundleFolder();
    const end = async (): Promise<void> => {
      this.#exports--;
      await remove();
    };
    try {
      const { log, sequencer } = this.platform;
      await sequencer.drain();
      const { tenantId } = principal;
      const limits = { tenantId, ...(query.until === undefined ? {} : { until: query.until }) };
      const exported = await exportBundle(
        this.db,
        { origin: log.name, verifierKey: log.verifierKey },
        query.since,
        folder,
        limits,
      );
      await this.db.tx((tx) =>
        this.audit.append(tx, principal, {
          kind: 'audit.exported',
          data: { since: exported.since, until: exported.until, tenantOnly: true },
        }),
      );
    } catch (error) {
      await end();
      throw error;
    }
    reply.raw.once('close', () => void end());
    if (reply.raw.destroyed)
      await end(); // gone while we wrote: `close` has come and will not come again
    else reply.send(tarFolder(folder, 'assent-audit'));
  }
}
