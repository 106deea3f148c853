import { type Db, rows } from '#db';
import { type Tx, DomainError } from '#kernel';
import {
  Frontier,
  type NoteSigner,
  type Tile,
  type TileSource,
  TileReader,
  leafHash,
  openCheckpoint,
  signCheckpoint,
} from '#tlog';
import type { HeadFile } from './head-file.ts';
import { type OutboxRow, logLine } from './log-line.ts';

/** The database holds less log than was published: it was restored or tampered with. A person must look before anything is added. */
export class LogRolledBackError extends DomainError {
  override readonly problem = {
    slug: 'log-rolled-back',
    status: 503,
    title: 'The audit log is behind its published head',
  } as const;
}

const SEQUENCER_LOCK = 4_771_002;
const BATCH = 1000;

/**
 * Turns outbox rows into log entries: the only writer of the log.
 *
 * Crash order. One transaction writes entries, tiles and checkpoint and removes the outbox rows: before its commit nothing happened,
 * after it everything did. The head file follows the commit; a crash in between leaves it one batch behind, and the next start moves
 * it up after checking that the log continues it.
 */
export class Sequencer {
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: Db,
    private readonly signer: NoteSigner,
    private readonly head: HeadFile,
    private readonly onFault: (error: unknown) => void = () => undefined,
  ) {}

  get origin(): string {
    return this.signer.name;
  }

  /** Checks the head, then works every `everyMs`. @throws LogRolledBackError */
  async start(everyMs = 50): Promise<void> {
    await this.checkHead();
    const turn = async (): Promise<void> => {
      try {
        await this.drain();
      } catch (error) {
        this.onFault(error);
      }
    };
    this.#timer = setInterval(() => void (this.#turn = this.#turn.then(turn)), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }

  /** Sequences everything that is committed now. Returns the size of the log. */
  async drain(): Promise<number> {
    for (;;) {
      const batch = await this.#batch();
      if (batch.added === 0) return batch.size;
    }
  }

  /** The log in the database must be the one whose head was published, or continue it. */
  async checkHead(): Promise<void> {
    const published = this.head.read();
    const current = await this.db.tx((tx) => latestCheckpoint(tx));
    if (published === undefined) return;
    const old = openCheckpoint(published, [this.signer.verifierKey], this.origin);
    const now = current ? openCheckpoint(current, [this.signer.verifierKey], this.origin) : undefined;
    if (!now || now.size < old.size) {
      throw new LogRolledBackError(
        `The log has ${now?.size ?? 0} entries, ${old.size} were published. Restore the newer database, or start a successor log.`,
      );
    }
    const same = await this.db.tx(async (tx) => {
      const tiles = await loadTiles(tx, now.size);
      return new TileReader(now.size, tiles).range(0, old.size).equals(old.root);
    });
    if (!same) throw new LogRolledBackError('The log does not continue its published head: entries were changed.');
    if (current !== published) this.head.swap(published, current!);
  }

  async #batch(): Promise<{ added: number; size: number }> {
    const before = this.head.read();
    const outcome = await this.db.tx(async (tx) => {
      // One sequencer at a time; a second process simply finds the lock taken and adds nothing.
      const [lock] = await rows<{ ok: boolean }>(tx, 'SELECT pg_try_advisory_xact_lock($1) AS ok', [SEQUENCER_LOCK]);
      const current = await latestCheckpoint(tx);
      const size = current ? openCheckpoint(current, [this.signer.verifierKey], this.origin).size : 0;
      if (!lock!.ok) return { added: 0, size };
      const outbox = await rows<OutboxRow>(tx, 'SELECT seq, event_id, tenant_id, event FROM audit_outbox ORDER BY seq LIMIT $1', [
        BATCH,
      ]);
      if (outbox.length === 0) return { added: 0, size };
      const frontier = Frontier.from(size, await loadFrontier(tx, size));
      const lines = outbox.map((row, i) => logLine(size + i, row));
      const leaves = lines.map((line) => leafHash(Buffer.from(line)));
      const tiles = frontier.append(leaves);
      const note = signCheckpoint({ origin: this.origin, size: frontier.size, root: frontier.root() }, this.signer);
      await insertEntries(tx, size, outbox, lines, leaves);
      await saveTiles(tx, tiles);
      await rows(tx, 'INSERT INTO log_checkpoints (size, note) VALUES ($1, $2)', [frontier.size, note]);
      await rows(tx, 'DELETE FROM audit_outbox WHERE seq = ANY($1)', [outbox.map((row) => row.seq)]);
      return { added: outbox.length, size: frontier.size, note };
    });
    if ('note' in outcome) this.head.swap(before, outcome.note);
    return outcome;
  }
}

async function latestCheckpoint(tx: Tx): Promise<string | undefined> {
  const [row] = await rows<{ note: string }>(tx, 'SELECT note FROM log_checkpoints ORDER BY size DESC LIMIT 1');
  return row?.note;
}

async function insertEntries(
  tx: Tx,
  size: number,
  outbox: readonly OutboxRow[],
  lines: readonly string[],
  leaves: readonly Buffer[],
): Promise<void> {
  await rows(
    tx,
    `INSERT INTO log_entries (idx, event_id, tenant_id, line, leaf)
     SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])`,
    [outbox.map((_, i) => size + i), outbox.map((row) => row.event_id), outbox.map((row) => row.tenant_id), lines, leaves],
  );
}

/** A partial tile is replaced by its wider successor: the narrower one can always be cut out of it. */
async function saveTiles(tx: Tx, tiles: readonly Tile[]): Promise<void> {
  for (const tile of tiles) {
    await rows(
      tx,
      `INSERT INTO log_tiles (level, idx, width, hashes) VALUES ($1, $2, $3, $4)
       ON CONFLICT (level, idx) DO UPDATE SET width = excluded.width, hashes = excluded.hashes WHERE excluded.width > log_tiles.width`,
      [tile.level, tile.index, tile.width, tile.hashes],
    );
  }
}

interface TileRow {
  level: number;
  idx: string;
  hashes: Buffer;
}
const asSource = (found: TileRow[]): TileSource => {
  const tiles = new Map(found.map((tile) => [`${tile.level}/${tile.idx}`, tile.hashes]));
  return (level, index) => tiles.get(`${level}/${index}`);
};

/** Only the right edge: one tile a level. */
async function loadFrontier(tx: Tx, size: number): Promise<TileSource> {
  const edge: { level: number; index: number }[] = [];
  for (let level = 0, below = size; below > 0; level++, below = Math.floor(below / 256))
    edge.push({ level, index: Math.floor(below / 256) });
  return asSource(
    await rows<TileRow>(
      tx,
      'SELECT level, idx, hashes FROM log_tiles WHERE (level, idx) IN (SELECT * FROM unnest($1::int[], $2::bigint[]))',
      [edge.map((tile) => tile.level), edge.map((tile) => tile.index)],
    ),
  );
}

/** All tiles of the log: 33 MB per million entries. */
export async function loadTiles(tx: Tx, _size: number): Promise<TileSource> {
  return asSource(await rows<TileRow>(tx, 'SELECT level, idx, hashes FROM log_tiles'));
}
