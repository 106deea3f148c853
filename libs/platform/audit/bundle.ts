import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Db } from '#db';
import { InvalidInputError, shipped } from '#kernel';
import { TileReader, consistencyProof, openCheckpoint, prefixRoots, tilesReadBy } from '#tlog';
import { type LogIdentity, logHead } from './log-reader.ts';
import { askPool, noteCovering, readTiles } from './log-store.ts';

export interface ExportResult {
  readonly since: number;
  /** Size of the log at the checkpoint of the bundle. */
  readonly until: number;
  /** Lines in the bundle. */
  readonly entries: number;
}

export interface ExportLimits {
  /** The bundle ends at the oldest checkpoint that covers this many entries; the newest one if left out. */
  readonly until?: number;
  /** Only this tenant's lines. What is in the bundle is proven; that nothing of the tenant is missing is not. */
  readonly tenantId?: string;
}

const PAGE = 5000;

/**
 * Writes an export bundle: every line from `since` to a checkpoint, with all that an outsider needs to check it offline.
 *
 *     entries.jsonl   the lines; the bytes of a line are the leaf
 *     leaves.bin      leaf hashes of entries since..until, 32 bytes each: with them a bad line can be named
 *     checkpoint      the signed tree head
 *     log.vkey        the log's key; pin your own copy of it
 *     proof.json      the log's beginning as a few hashes, and the consistency proof from `since` to the checkpoint
 *     policy          C2SP tlog-policy: which signatures to expect
 *     manifest.json   what is in here
 *     verify.mjs, verify.py   two verifiers without dependencies, written apart from each other and from ours
 *
 * The export streams: memory stays flat, and 1e6 entries take seconds. @throws InvalidInputError, NotFoundError (empty log)
 */
export async function exportBundle(
  db: Db,
  log: LogIdentity,
  since: number,
  folder: string,
  limits: ExportLimits = {},
): Promise<ExportResult> {
  const { note, size } = await chooseCheckpoint(db, log, since, limits.until);
  await mkdir(folder, { recursive: true });
  const proof = await beginning(db, since, size);
  let entries = 0;
  let source: string | undefined;
  const jsonl = createWriteStream(join(folder, 'entries.jsonl'));
  const leaves = createWriteStream(join(folder, 'leaves.bin'));
  const pages = async function* (): AsyncGenerator<{ lines: string; hashes: Buffer }> {
    // Paged by log index: entries never move, so nothing can be skipped or repeated while others are added (case LG-02).
    for (let from = since; from < size; from += PAGE) {
      const page = await db.query<{ line: string; leaf: Buffer; tenant_id: string }>(
        'SELECT line, leaf, tenant_id FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx',
        [from, Math.min(from + PAGE, size)],
      );
      const mine = limits.tenantId === undefined ? page : page.filter((row) => row.tenant_id === limits.tenantId);
      entries += mine.length;
      if (limits.tenantId !== undefined && mine.length > 0) source ??= (JSON.parse(mine[0]!.line) as { source: string }).source;
      yield { lines: mine.map(({ line }) => line + '\n').join(''), hashes: Buffer.concat(page.map(({ leaf }) => leaf)) };
    }
  };
  await writeBoth(pages(), jsonl, leaves);
  const manifest = {
    format: 'assent-audit-bundle/2',
    origin: log.origin,
    since,
    until: size,
    entries,
    complete: limits.tenantId === undefined,
    ...(limits.tenantId === undefined ? {} : { source: source ?? null }),
  };
  await writeFile(join(folder, 'checkpoint'), note);
  await writeFile(join(folder, 'log.vkey'), log.verifierKey + '\n');
  await writeFile(join(folder, 'policy'), `log ${log.verifierKey}\nquorum none\n`);
  await writeFile(join(folder, 'proof.json'), JSON.stringify(proof, null, 2) + '\n');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n');
  for (const verifier of ['verify.mjs', 'verify.py'])
    await copyFile(shipped('libs/platform/audit', verifier), join(folder, verifier));
  return { since, until: size, entries };
}

async function chooseCheckpoint(
  db: Db,
  log: LogIdentity,
  since: number,
  until: number | undefined,
): Promise<{ note: string; size: number }> {
  const head = await logHead(db, log);
  const newest = head.checkpoint.size;
  if (!Number.isSafeInteger(since) || since < 0 || since > newest)
    throw new InvalidInputError(`since is an index from 0 to ${newest}.`, [{ pointer: '/since', detail: `0 to ${newest}` }]);
  if (until === undefined) return { note: head.note, size: newest };
  if (!Number.isSafeInteger(until) || until < Math.max(since, 1) || until > newest)
    throw new InvalidInputError(`until is a size from ${Math.max(since, 1)} to ${newest}.`, [
      { pointer: '/until', detail: `${Math.max(since, 1)} to ${newest}` },
    ]);
  const note = (await noteCovering(askPool(db), until))!;
  return { note, size: openCheckpoint(note, [log.verifierKey], log.origin).size };
}

/** What stands for the entries before `since`: roots of their perfect subtrees, their root, and the way from it to the checkpoint. */
async function beginning(db: Db, since: number, size: number): Promise<object> {
  const work = (reader: TileReader) => ({
    prefix: prefixRoots(reader, since),
    root: reader.range(0, since),
    hashes: consistencyProof(reader, since),
  });
  const tiles = await readTiles(askPool(db), tilesReadBy(size, work));
  const { prefix, root, hashes } = work(new TileReader(size, tiles));
  const base64 = (list: Buffer[]): string[] => list.map((hash) => hash.toString('base64'));
  return { oldSize: since, oldRoot: root.toString('base64'), prefix: base64(prefix), hashes: base64(hashes) };
}

/** One pass over the database feeds both files; the slower one sets the pace. */
async function writeBoth(
  pages: AsyncGenerator<{ lines: string; hashes: Buffer }>,
  jsonl: NodeJS.WritableStream,
  leaves: NodeJS.WritableStream,
): Promise<void> {
  const hashes: Buffer[] = [];
  const lines = async function* (): AsyncGenerator<string> {
    for await (const page of pages) {
      hashes.push(page.hashes); // 32 bytes an entry: 32 MB for a million
      if (page.lines !== '') yield page.lines;
    }
  };
  await pipeline(Readable.from(lines()), jsonl);
  await pipeline(Readable.from(hashes), leaves);
}
