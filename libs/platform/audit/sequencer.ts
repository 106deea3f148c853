import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Db } from '#db';
import { DomainError } from '#kernel';
import { Frontier, type NoteSigner, edgeTiles, leafHash, openCheckpoint, signCheckpoint } from '#tlog';
import { LogUnavailableError } from './audit.ts';
import type { HeadFile } from './head-file.ts';
import { requireContinues } from './head-check.ts';
import { type OutboxRow, TenantPseudonyms, logLine } from './log-line.ts';
import { type Ask, askClient, askPool, copyEntries, latestNote, readTiles, saveTiles } from './log-store.ts';

const SEQUENCER_LOCK = 4_771_002;
const BATCH = 1000;
/** How often a process that does not lead asks for the lead. */
const STANDBY_MS = 500;
/** After a fault: no use in failing twenty times a second. */
const PAUSE_MS = 1000;

/** The lead: one connection that holds the session lock, and the right edge of the tree as of its last commit. */
interface Lead {
  readonly client: pg.Client;
  readonly ask: Ask;
  readonly tree: Frontier;
  /** Newest checkpoint in the database. */
  note: string | undefined;
  /** What the head file holds. */
  published: string | undefined;
}

/**
 * Turns outbox rows into log entries: the only writer of the log.
 *
 * One leader. The lead is a session lock on the connection that also writes: who loses the connection has lost both, so two leaders
 * can never both commit, and a leader may keep the tree in memory between batches.
 *
 * Crash order. One transaction writes entries, tiles and checkpoint and removes the outbox rows: before its commit nothing happened,
 * after it everything did. A COMMIT whose answer is lost may have been either; the lead is then given up and the next one reads the
 * tree from the database, where the rows are in the outbox or in the log, never in both. The head file follows the commit: a crash in
 * between leaves it one batch behind, and the next lead moves it up after checking that the log continues it.
 */
export class Sequencer {
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #turn: Promise<unknown> = Promise.resolve();
  #lead: Lead | undefined;
  #standby: pg.Client | undefined;
  readonly #tenants: TenantPseudonyms;

  constructor(
    private readonly db: Db,
    private readonly signer: NoteSigner,
    private readonly head: HeadFile,
    private readonly onFault: (error: unknown) => void = () => undefined,
  ) {
    this.#tenants = new TenantPseudonyms(signer.secretFor('tenant-pseudonym'));
  }

  get origin(): string {
    return this.signer.name;
  }

  /** Whether this process writes the log now. Another one stands by and takes over within half a second. */
  get leads(): boolean {
    return this.#lead !== undefined;
  }

  /** Checks the head, then sequences every `everyMs`. @throws LogRolledBackError */
  async start(everyMs = 50): Promise<void> {
    await this.checkHead();
    this.#running = true;
    const again = (ms: number): void => {
      if (this.#running) this.#timer = setTimeout(() => void turn(), ms);
    };
    const turn = async (): Promise<void> => {
      try {
        const leads = await this.#alone(() => this.#sequence());
        again(leads === undefined ? STANDBY_MS : everyMs);
      } catch (error) {
        this.onFault(error);
        again(PAUSE_MS);
      }
    };
    await turn();
  }

  /** Ends after the batch that runs, and gives the lead to whoever stands by. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    await this.#alone(async () => {
      const held = this.#lead?.client ?? this.#standby;
      this.#lead = this.#standby = undefined;
      await held?.end();
    });
  }

  /**
   * Waits until everything that is committed now stands in the log. Returns the size of the log.
   * @throws LogUnavailableError when another process leads and does not get there within `timeoutMs`.
   */
  async drain(timeoutMs = 10_000): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    const ask = askPool(this.db);
    const [last] = await ask<{ seq: string }>('SELECT coalesce(max(seq), 0) AS seq FROM audit_outbox');
    for (;;) {
      const size = await this.#alone(() => this.#sequence());
      if (size !== undefined) return size;
      const [left] = await ask<{ n: number }>('SELECT count(*)::int AS n FROM audit_outbox WHERE seq <= $1', [last!.seq]);
      if (left!.n === 0) return sizeOf(await latestNote(ask));
      if (Date.now() > deadline)
        throw new LogUnavailableError('Another process leads the audit log and does not go on. Look at its errors, or stop it.');
      await sleep(25);
    }
  }

  /** The log in the database must be the one whose head was published, or continue it. @throws LogRolledBackError */
  async checkHead(): Promise<void> {
    const ask = askPool(this.db);
    // The head first: a leader elsewhere may go on in between, and then the database is ahead of what we read, never behind.
    const published = this.head.read();
    const current = await latestNote(ask);
    await requireContinues(ask, this.signer, published ?? (current === undefined ? undefined : this.head.read()), current);
  }

  /** Timer, drain and stop take turns: the connection and the tree belong to one of them at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined); // the caller of `mine` hears of it; the next in line only waits
    return mine;
  }

  /** Sequences all there is. Returns the size of the log, or undefined when another process leads. */
  async #sequence(): Promise<number | undefined> {
    const lead = (this.#lead ??= await this.#takeLead());
    if (!lead) return undefined;
    try {
      await this.#publish(lead);
      for (;;) {
        // Outside the transaction: nobody but the leader removes rows, so what was read stays.
        const batch = await lead.ask<OutboxRow>(
          'SELECT seq, event_id, tenant_id, event FROM audit_outbox ORDER BY seq LIMIT $1',
          [BATCH],
        );
        if (batch.length === 0) return lead.tree.size;
        await this.#commit(lead, batch);
        await this.#publish(lead);
      }
    } catch (error) {
      // The tree in memory may be ahead of the database, or behind a commit whose answer was lost: forget both.
      this.#lead = undefined;
      // Not awaited: a connection that answers no more would hold us for ever.
      void lead.client.end().catch(this.onFault);
      throw error;
    }
  }

  async #commit(lead: Lead, batch: readonly OutboxRow[]): Promise<void> {
    const from = lead.tree.size;
    const lines = batch.map((row, i) => logLine(from + i, row, this.#tenants));
    const leaves = lines.map((line) => leafHash(Buffer.from(line, 'latin1')));
    const tiles = lead.tree.append(leaves);
    const note = signCheckpoint({ origin: this.origin, size: lead.tree.size, root: lead.tree.root() }, this.signer);
    await lead.ask('BEGIN');
    await copyEntries(lead.client, from, batch, lines, leaves);
    await saveTiles(lead.ask, tiles);
    await lead.ask('INSERT INTO log_checkpoints (size, note) VALUES ($1, $2)', [lead.tree.size, note]);
    await lead.ask('DELETE FROM audit_outbox WHERE seq = ANY($1::bigint[])', [batch.map((row) => row.seq)]);
    await lead.ask('COMMIT');
    lead.note = note;
  }

  /** Moves the head file up to the last commit. Somebody else's head must be an ancestor of ours. */
  async #publish(lead: Lead): Promise<void> {
    while (lead.note !== undefined && lead.published !== lead.note) {
      if (this.head.swap(lead.published, lead.note)) lead.published = lead.note;
      else {
        const found = this.head.read();
        await requireContinues(lead.ask, this.signer, found, lead.note);
        lead.published = found;
      }
    }
  }

  /** Undefined while another process leads. @throws LogRolledBackError */
  async #takeLead(): Promise<Lead | undefined> {
    const client = (this.#standby ??= await this.#connect());
    const ask = askClient(client);
    const [lock] = await ask<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [SEQUENCER_LOCK]);
    if (!lock!.ok) return undefined;
    this.#standby = undefined;
    try {
      return await this.#readTree(client, ask);
    } catch (error) {
      await client.end().catch(this.onFault);
      throw error;
    }
  }

  async #readTree(client: pg.Client, ask: Ask): Promise<Lead> {
    const note = await latestNote(ask);
    const published = this.head.read();
    await requireContinues(ask, this.signer, published, note);
    if (note === undefined) {
      // The head of the empty log comes before its first entry: from then on a missing head file is a finding.
      const empty = signCheckpoint({ origin: this.origin, size: 0, root: new Frontier().root() }, this.signer);
      if (published === undefined) this.head.swap(undefined, empty);
      return { client, ask, tree: new Frontier(), note: undefined, published: published ?? empty };
    }
    const { size, root } = openCheckpoint(note, [this.signer.verifierKey], this.origin);
    const tree = Frontier.from(size, await readTiles(ask, edgeTiles(size)));
    if (!tree.root().equals(root))
      throw new LogDamagedError(`The tiles of the log do not give the root signed for ${size} entries.`);
    return { client, ask, tree, note, published };
  }

  async #connect(): Promise<pg.Client> {
    const { url } = this.db.dataSource.options as { url: string };
    const client = new pg.Client({ connectionString: url, options: '-c timezone=UTC', application_name: 'assent-sequencer' });
    // A connection that breaks between two questions: the next question fails and says so.
    client.on('error', (error) => {
      if (this.#lead?.client === client) this.#lead = undefined;
      if (this.#standby === client) this.#standby = undefined;
      this.onFault(error);
    });
    await client.connect();
    return client;
  }
}

/** Entries, tiles and signed root do not fit together: somebody wrote into the log past the sequencer, or the disk lies. */
export class LogDamagedError extends DomainError {
  override readonly problem = { slug: 'log-damaged', status: 503, title: 'The audit log is damaged' } as const;
}

const sizeOf = (note: string | undefined): number => Number(note?.split('\n')[1] ?? 0);
