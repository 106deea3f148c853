import { type Db } from '#db';
import { InvalidInputError, NotFoundError } from '#kernel';
import { type Checkpoint, TileReader, inclusionProof, openCheckpoint, tilesReadBy } from '#tlog';
import { askPool, latestNote, readTiles } from './log-store.ts';

/** Which log, and the key that its checkpoints are signed with. A `NoteSigner` serves as `{ origin: name, verifierKey }`. */
export interface LogIdentity {
  readonly origin: string;
  readonly verifierKey: string;
}

/** The newest checkpoint. @throws NotFoundError while the log is empty. */
export async function logHead(db: Db, log: LogIdentity): Promise<{ note: string; checkpoint: Checkpoint }> {
  const note = await latestNote(askPool(db));
  if (note === undefined) throw new NotFoundError('The log is still empty.');
  return { note, checkpoint: openCheckpoint(note, [log.verifierKey], log.origin) };
}

export interface LogPage {
  readonly entries: readonly { readonly index: number; readonly line: string }[];
  /** Where the next page starts. A log index: entries never move, so nothing can be skipped or repeated (case LG-02). */
  readonly next: number;
  /** Nothing follows now. A later call with `next` gives what was added since. */
  readonly complete: boolean;
}

const MAX_PAGE = 10_000;

/** Lines from index `from` on, of one tenant where `tenantId` is given. */
export async function logPage(db: Db, request: { from?: number; limit?: number; tenantId?: string }): Promise<LogPage> {
  const { from = 0, limit = 100, tenantId } = request;
  if (!Number.isSafeInteger(from) || from < 0)
    throw new InvalidInputError('from is a log index.', [{ pointer: '/from', detail: 'an integer from 0' }]);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE)
    throw new InvalidInputError(`limit is 1 to ${MAX_PAGE}.`, [{ pointer: '/limit', detail: `1 to ${MAX_PAGE}` }]);
  // One more than asked: whether something follows must not depend on a second question, between which others write.
  const found = await db.query<{ idx: string; line: string }>(
    tenantId === undefined
      ? 'SELECT idx, line FROM log_entries WHERE idx >= $1 ORDER BY idx LIMIT $2'
      : 'SELECT idx, line FROM log_entries WHERE idx >= $1 AND tenant_id = $3 ORDER BY idx LIMIT $2',
    [from, limit + 1, ...(tenantId === undefined ? [] : [tenantId])],
  );
  const entries = found.slice(0, limit).map(({ idx, line }) => ({ index: Number(idx), line }));
  return { entries, next: entries.length === 0 ? from : entries.at(-1)!.index + 1, complete: found.length <= limit };
}

/** That one line stands in the log: check with `verifyInclusion(leafHash(line), index, size, proof, root)`. Hashes are base64. */
export interface EntryProof {
  readonly index: number;
  readonly line: string;
  readonly proof: readonly string[];
  readonly checkpoint: string;
}

/** Two questions: the entry, and the tiles on its path (20 hashes at a million entries). @throws NotFoundError */
export async function proofFor(db: Db, log: LogIdentity, index: number): Promise<EntryProof> {
  const { note, checkpoint } = await logHead(db, log);
  const [entry] = await db.query<{ line: string }>('SELECT line FROM log_entries WHERE idx = $1', [index]);
  if (!entry || index >= checkpoint.size) throw new NotFoundError(`The log has no entry ${index} yet.`);
  const tiles = await readTiles(
    askPool(db),
    tilesReadBy(checkpoint.size, (reader) => inclusionProof(reader, index)),
  );
  const proof = inclusionProof(new TileReader(checkpoint.size, tiles), index);
  return { index, line: entry.line, proof: proof.map((hash) => hash.toString('base64')), checkpoint: note };
}

/** The same by the id that `Audit.append` returned. @throws NotFoundError while the sequencer has not reached it. */
export async function proveEvent(db: Db, log: LogIdentity, eventId: string): Promise<EntryProof> {
  const [entry] = await db.query<{ idx: string }>('SELECT idx FROM log_entries WHERE event_id = $1', [eventId]);
  if (!entry) throw new NotFoundError('The log has no entry for this event yet.');
  return proofFor(db, log, Number(entry.idx));
}
