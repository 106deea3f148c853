import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { logHead } from '#audit';
import { Db } from '#db';
import { Call, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import { NotFoundError } from '#kernel';
import { HASH_BYTES, TILE_WIDTH } from '#tlog';
import type { Platform } from '../platform.module.ts';
import { PLATFORM } from './platform.token.ts';

const tag = 'log';
const CHECKPOINT = {
  method: 'GET', path: '/log/checkpoint', permission: 'public', tag,
  summary: "The log's newest signed tree head",
  description: 'A C2SP signed note. Keep it: a later checkpoint must continue it.',
  responses: { 200: { description: 'The note.', mediaType: 'text/plain', schema: z.string() } },
} as const satisfies RouteSpec; // prettier-ignore
const KEY = {
  method: 'GET', path: '/log/log.vkey', permission: 'public', tag,
  summary: 'The key that checkpoints are signed with',
  responses: { 200: { description: 'A verifier key of C2SP signed-note.', mediaType: 'text/plain', schema: z.string() } },
} as const satisfies RouteSpec; // prettier-ignore
const TILE = {
  method: 'GET', path: '/log/tile/*', permission: 'public', tag,
  summary: "A tile of the log's hashes",
  description:
    'C2SP tlog-tiles: `<level>/<n>` and `<level>/<n>.p/<w>`. Hashes only: the entries themselves are shown to their tenant (`/v1/audit/events`), because ids of persons stand in them.',
  params: z.looseObject({ '*': z.string().max(80) }),
  responses: { 200: { description: 'Up to 256 hashes of 32 bytes.', mediaType: 'application/octet-stream', schema: z.string().meta({ format: 'binary' }) } },
} as const satisfies RouteSpec; // prettier-ignore

/** Anybody may follow the log: hashes and signatures tell that nothing was changed, and nothing else. */
@RouteController()
export class LogController {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(PLATFORM) private readonly platform: Platform,
  ) {}

  @Route(CHECKPOINT)
  async checkpoint(@Call() { reply }: RouteCall<typeof CHECKPOINT>): Promise<string> {
    const { log } = this.platform;
    const { note } = await logHead(this.db, { origin: log.name, verifierKey: log.verifierKey });
    reply.headers({ ...OPEN_TO_ALL, 'cache-control': 'no-cache', 'content-type': 'text/plain; charset=utf-8' });
    return note;
  }

  @Route(KEY)
  key(@Call() { reply }: RouteCall<typeof KEY>): string {
    reply.headers({ ...OPEN_TO_ALL, 'cache-control': 'public, max-age=3600', 'content-type': 'text/plain; charset=utf-8' });
    return this.platform.log.verifierKey + '\n';
  }

  /** A narrow tile is cut out of the wider one that it became: its bytes are the same for ever. */
  @Route(TILE)
  async tile(@Call() { params, reply }: RouteCall<typeof TILE>): Promise<Buffer> {
    const place = parseTilePath(params['*']);
    if (!place) throw new NotFoundError('This is not the path of a tile.');
    const [tile] = await this.db.query<{ hashes: Buffer }>('SELECT hashes FROM log_tiles WHERE level = $1 AND idx = $2', [
      place.level,
      place.index,
    ]);
    const bytes = tile?.hashes.subarray(0, place.width * HASH_BYTES);
    if (bytes?.length !== place.width * HASH_BYTES) throw new NotFoundError('The log has no such tile yet.');
    reply.headers({
      ...OPEN_TO_ALL,
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'application/octet-stream',
    });
    return bytes;
  }
}

/** Tools of other origins may read what everybody may. */
const OPEN_TO_ALL = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' } as const;

/** `<level>/<n>[.p/<w>]` with `n` in groups of three digits, `x` before all but the last. Undefined for anything else. */
export function parseTilePath(path: string): { level: number; index: number; width: number } | undefined {
  const found = /^(\d{1,2})\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (!found) return undefined;
  const [, level, digits, part] = found;
  if (String(Number(level)) !== level || digits!.startsWith('x000/')) return undefined;
  const width = part === undefined ? TILE_WIDTH : Number(part);
  if (part !== undefined && width >= TILE_WIDTH) return undefined;
  return { level: Number(level), index: Number(digits!.replaceAll(/[x/]/g, '')), width };
}
