import { DomainError } from '#kernel';
import { type Checkpoint, NoteError, type NoteSigner, TileReader, openCheckpoint, tilesReadBy } from '#tlog';
import { type Ask, readTiles } from './log-store.ts';

/** The database holds less log than was published, or another one: it was restored or changed. A person must look before anything is added. */
export class LogRolledBackError extends DomainError {
  override readonly problem = {
    slug: 'log-rolled-back',
    status: 503,
    title: 'The audit log is not the one whose head was published',
  } as const;
}

/**
 * Refuses a log that does not continue its published head.
 * @param published what the head file holds; undefined when there is none
 * @param current the newest checkpoint of the database
 * @throws LogRolledBackError for a log that is shorter, that is another tree, or that has entries but no head file.
 */
export async function requireContinues(
  ask: Ask,
  signer: NoteSigner,
  published: string | undefined,
  current: string | undefined,
): Promise<void> {
  const open = (note: string): Checkpoint => {
    try {
      return openCheckpoint(note, [signer.verifierKey], signer.name);
    } catch (cause) {
      if (!(cause instanceof NoteError)) throw cause;
      const why = `A head of the log is not signed by this log's key (${cause.message}): the key store and the log do not belong together.`;
      throw new LogRolledBackError(why, {}, { cause });
    }
  };
  const now = current === undefined ? undefined : open(current);
  if (published === undefined) {
    if (!now) return;
    // The head of the empty log is written before the first entry, so a missing file was taken away.
    throw new LogRolledBackError(
      `The log has ${now.size} entries, but its head file is gone. Put the newest checkpoint that you trust in its place (ASSENT_HOME/log/head).`,
    );
  }
  const old = open(published);
  if (old.size > (now?.size ?? 0))
    throw new LogRolledBackError(
      `The log has ${now?.size ?? 0} entries, ${old.size} were published. Restore the newer database, or start a successor log.`,
    );
  if (!now) return;
  const tiles = await readTiles(
    ask,
    tilesReadBy(now.size, (reader) => reader.range(0, old.size)),
  );
  if (!new TileReader(now.size, tiles).range(0, old.size).equals(old.root))
    throw new LogRolledBackError('The log does not continue its published head: entries were changed.');
}
