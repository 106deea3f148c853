import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { once } from 'node:events';
import { type Db, rows } from '#db';
import { InvalidInputError, NotFoundError, shipped } from '#kernel';
import { TileReader, consistencyProof, inclusionProof, openCheckpoint } from '#tlog';
import { loadTiles } from './sequencer.ts';

export interface LogIdentity {
  readonly origin: string;
  readonly verifierKey: string;
}

export interface ExportResult {
  readonly since: number;
  readonly until: number;
  readonly entries: number;
}

const PAGE = 5000;

/**
 * Writes an export bundle: every line from `since` to the newest checkpoint, with all that an outsider needs to check it offline.
 *
 *     entries.jsonl   the lines; the bytes of a line are the leaf
 *     leaves.bin      leaf hashes of ALL entries 0..size, 32 bytes each: with them a bad line can be named
 *     checkpoint      the signed tree head
 *     log.vkey        the log's key; pin your own copy of it
 *     proof.json      consistency from `since` to the checkpoint
 *     manifest.json   what is in here
 *     verify.mjs      a verifier without dependencies: node verify.mjs
 */
export async function exportBundle(db: Db, log: LogIdentity, since: number, folder: string): Promise<ExportResult> {
  const head = await db.query<{ note: string }>('SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1');
  const note = head[0]?.note;
  if (note === undefined) throw new NotFoundError('The log is still empty.');
  const checkpoint = openCheckpoint(note, [log.verifierKey], log.origin);
  if (!Number.isInteger(since) || since < 0 || since > checkpoint.size)
    throw new InvalidInputError(`since is an index from 0 to ${checkpoint.size}.`);
  await mkdir(folder, { recursive: true });
  const jsonl = createWriteStream(join(folder, 'entries.jsonl'));
  const leaves = createWriteStream(join(folder, 'leaves.bin'));
  const hash = createHash('sha256');
  // Paged by log index: entries never move, so nothing can be skipped or repeated while others are added (case LG-02).
  for (let from = 0; from < checkpoint.size; from += PAGE) {
    const page = await db.query<{ idx: string; line: string; leaf: Buffer }>(
      'SELECT idx, line, leaf FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx',
      [from, Math.min(from + PAGE, checkpoint.size)],
    );
    for (const { idx, line, leaf } of page) {
      if (!leaves.write(leaf)) await once(leaves, 'drain');
      if (Number(idx) < since) continue;
      hash.update(line + '\n');
      if (!jsonl.write(line + '\n')) await once(jsonl, 'drain');
    }
  }
  jsonl.end();
  leaves.end();
  await Promise.all([finished(jsonl), finished(leaves)]);
  const proof = await db.tx(async (tx) => {
    const reader = new TileReader(checkpoint.size, await loadTiles(tx, checkpoint.size));
    return {
      oldSize: since,
      oldRoot: reader.range(0, since).toString('base64'),
      hashes: consistencyProof(reader, since).map((h) => h.toString('base64')),
    };
  });
  const manifest = {
    format: 'assent-audit-bundle/1',
    origin: log.origin,
    since,
    until: checkpoint.size,
    entries: checkpoint.size - since,
    entries_sha256: hash.digest('hex'),
    complete: true,
  };
  await writeFile(join(folder, 'checkpoint'), note);
  await writeFile(join(folder, 'log.vkey'), log.verifierKey + '\n');
  await writeFile(join(folder, 'proof.json'), JSON.stringify(proof, null, 2) + '\n');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n');
  await copyFile(shipped('libs/platform/audit/verify.mjs'), join(folder, 'verify.mjs'));
  return { since, until: checkpoint.size, entries: manifest.entries };
}

/** Proof that one event stands in the log: index, line, path to the newest checkpoint. */
export async function proveEvent(
  db: Db,
  log: LogIdentity,
  eventId: string,
): Promise<{ index: number; line: string; proof: string[]; checkpoint: string }> {
  return db.tx(async (tx) => {
    const [entry] = await rows<{ idx: string; line: string }>(tx, 'SELECT idx, line FROM log_entries WHERE event_id = $1', [
      eventId,
    ]);
    if (!entry) throw new NotFoundError('The log has no entry for this event yet.');
    const [head] = await rows<{ note: string }>(tx, 'SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1');
    const { size } = openCheckpoint(head!.note, [log.verifierKey], log.origin);
    const reader = new TileReader(size, await loadTiles(tx, size));
    return {
      index: Number(entry.idx),
      line: entry.line,
      proof: inclusionProof(reader, Number(entry.idx)).map((h) => h.toString('base64')),
      checkpoint: head!.note,
    };
  });
}
