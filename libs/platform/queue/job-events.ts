import { type Db, rows } from '#db';
import { type Tx, InvalidInputError } from '#kernel';
import type { JobEventKind, JobEventRow, JobRow, JobStageRow } from './jobs.entities.ts';

/**
 * The next event of a job. The number comes from the job's own row, whose lock is held until the transaction ends: so numbers have no
 * gap and are committed in their order, and a watcher who asks "after 7" can never miss an 8 that commits late.
 */
export async function recordJobEvent(tx: Tx, jobId: string, kind: JobEventKind, data: Record<string, unknown>): Promise<void> {
  await rows(
    tx,
    `WITH numbered AS (UPDATE jobs SET event_count = event_count + 1 WHERE id = $1 RETURNING id, tenant_id, event_count)
     INSERT INTO job_events (job_id, tenant_id, seq, kind, data) SELECT id, tenant_id, event_count, $2, $3::jsonb FROM numbered`,
    [jobId, kind, JSON.stringify(data)],
  );
}

/** A stage of the newest attempt, as an API shows it. `ms` is null while it runs. */
export interface StageTiming {
  readonly name: string;
  readonly started_at: string;
  readonly ms: number | null;
}

/** What each stage of each job took, those of earlier attempts left out. */
export async function stageTimings(db: Db, jobIds: readonly string[]): Promise<Map<string, StageTiming[]>> {
  const found = await db.query<JobStageRow>(
    `SELECT s.* FROM job_stages s JOIN (SELECT job_id, max(epoch) AS epoch FROM job_stages WHERE job_id = ANY($1) GROUP BY job_id) newest
       USING (job_id, epoch) ORDER BY s.job_id, s.seq`,
    [jobIds],
  );
  const timings = new Map<string, StageTiming[]>();
  for (const { job_id: id, name, started_at, ended_at } of found) {
    if (!timings.has(id)) timings.set(id, []);
    timings.get(id)!.push({
      name,
      started_at: started_at.toISOString(),
      ms: ended_at ? ended_at.getTime() - started_at.getTime() : null,
    });
  }
  return timings;
}

/** What stands in a job beside the feature's own row: where it is, and what its stages took. */
export interface JobStanding extends Pick<JobRow, 'state' | 'progress' | 'cancel_reason'> {
  readonly stages: readonly StageTiming[];
}

/** By job id; a job that is not there has no entry. */
export async function jobStandings(db: Db, jobIds: readonly (string | null)[]): Promise<Map<string, JobStanding>> {
  const ids = jobIds.filter((id) => id !== null);
  const jobs = await db.query<Omit<JobStanding, 'stages'> & { id: string }>(
    'SELECT id, state, progress, cancel_reason FROM jobs WHERE id = ANY($1)',
    [ids],
  );
  const stages = await stageTimings(db, ids);
  return new Map(jobs.map(({ id, ...job }) => [id, { ...job, stages: stages.get(id) ?? [] }]));
}

/** How often the feed looks for news: half of it is the mean delay of an event. */
const POLL_MS = 200;
/** Events that one watcher is given at a time. */
const PAGE = 500;

interface Watcher {
  readonly jobId: string;
  after: number;
  readonly give: (events: JobEventRow[]) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Follows the events of any number of jobs with one question per tick for the whole process, and none while nobody watches.
 * (NOTIFY would cost every writer: it cuts inserts to 29 %, see `Audit.append`.)
 */
export class JobEventFeed {
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(
    private readonly db: Db,
    private readonly pollMs = POLL_MS,
  ) {}

  /**
   * Where a watcher goes on: behind the event that it saw last (`Last-Event-ID`), or from the beginning. `undefined`: it has seen the
   * end, so there is nothing to wait for. @throws InvalidInputError for a number that this job never gave out.
   */
  async resume(jobId: string, lastEventId: string | undefined): Promise<number | undefined> {
    if (lastEventId === undefined) return 0;
    const [job] = await this.db.query<{ event_count: number; ended: boolean }>(
      `SELECT event_count, EXISTS (SELECT 1 FROM job_events WHERE job_id = $1 AND seq = event_count AND kind = 'end') AS ended
       FROM jobs WHERE id = $1`,
      [jobId],
    );
    const after = /^\d{1,9}$/.test(lastEventId) ? Number(lastEventId) : NaN;
    if (!job || !(after <= job.event_count))
      throw new InvalidInputError('The Last-Event-ID is not one of this stream. Begin again without it.', [
        { pointer: '/headers/last-event-id', detail: 'not an id of this stream' },
      ]);
    return job.ended && after === job.event_count ? undefined : after;
  }

  /** Events with a number above `after`, in order, until `signal` fires or `end` has come. Throws when the database is away. */
  async *watch(jobId: string, after: number, signal: AbortSignal): AsyncIterable<JobEventRow> {
    let waiting: JobEventRow[] = [];
    let fault: unknown;
    let wake: () => void = () => undefined;
    const watcher: Watcher = {
      jobId,
      after,
      give: (events) => {
        waiting = waiting.concat(events);
        wake();
      },
      fail: (error) => {
        fault = error;
        wake();
      },
    };
    const onAbort = (): void => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#add(watcher);
    try {
      while (!signal.aborted) {
        if (fault !== undefined) throw fault as Error;
        const events = waiting;
        waiting = [];
        for (const event of events) {
          yield event;
          if (event.kind === 'end') return;
        }
        if (waiting.length === 0 && fault === undefined && !signal.aborted) await new Promise<void>((done) => (wake = done));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#remove(watcher);
    }
  }

  #add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => void this.#ask(), this.pollMs);
    void this.#ask(); // the first events at once: a watcher must see the present state without waiting for a tick
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const asked = [...this.#watchers];
    try {
      const found = await this.db.query<JobEventRow & { watcher: string }>(
        `SELECT w.watcher, e.* FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS w (job_id, after, watcher)
         CROSS JOIN LATERAL (SELECT * FROM job_events e WHERE e.job_id = w.job_id AND e.seq > w.after ORDER BY e.seq LIMIT ${PAGE}) e
         ORDER BY w.watcher, e.seq`,
        [asked.map(({ jobId }) => jobId), asked.map(({ after }) => after)],
      );
      for (const [i, watcher] of asked.entries()) {
        const events = found.filter((row) => Number(row.watcher) === i + 1);
        if (events.length === 0) continue;
        watcher.after = events.at(-1)!.seq;
        watcher.give(events);
      }
    } catch (error) {
      for (const watcher of asked) watcher.fail(error);
    } finally {
      this.#asking = false;
      // Whoever came while we asked waits for no tick.
      if ([...this.#watchers].some((watcher) => !asked.includes(watcher))) void this.#ask();
    }
  }
}
