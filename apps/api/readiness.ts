import { Readable } from 'node:stream';
import { logHead } from '#audit';
import type { Db } from '#db';
import { newId } from '#kernel';
import { requireReady } from '#provenance';
import type { ObjectStore } from '#storage';
import type { Platform } from '../platform.module.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Ours, without addresses or secrets: this page is public. */
  readonly detail: string;
}

/** A log that is further behind cannot promise that effects are recorded soon. Below the limit at which `Audit.append` refuses (600 s). */
const MAX_LOG_LAG_SECONDS = 120;
/** A dependency that does not answer in this time does not work. */
const PATIENCE_MS = 3000;

/** Whether this process can carry out what it would accept. Each dependency is asked, none is believed. */
export function readiness(platform: Platform): Promise<Check[]> {
  const { db, store } = platform;
  return Promise.all([
    check('database', async () => void (await db.query('SELECT 1')), 'answers'),
    check('log', () => requireLogKeepsUp(db), 'keeps up'),
    check('signer', async () => requireReady(platform.signing.identity), 'has keys and anchors'),
    check('storage', () => requireWritable(store), 'takes and gives back'),
  ]);
}

async function check(name: string, ask: () => Promise<unknown>, fine: string): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => (timer = setTimeout(() => fail(new Error('no answer in time')), PATIENCE_MS)));
  try {
    await Promise.race([ask(), late]);
    return { name, ok: true, detail: fine };
  } catch (error) {
    // The class only: a driver's message may hold an address or a user name.
    return { name, ok: false, detail: error instanceof NotReadyError ? error.message : `failed (${(error as Error).name})` };
  } finally {
    clearTimeout(timer);
  }
}

/** Its message is written for this page. */
class NotReadyError extends Error {}

async function requireLogKeepsUp(db: Db): Promise<void> {
  const { rows, seconds } = await logBacklog(db);
  if (seconds > MAX_LOG_LAG_SECONDS) throw new NotReadyError(`${rows} records wait, the oldest for ${Math.round(seconds)} s`);
}

/** A few bytes that belong to nobody, written, read and removed. A process that dies in between leaves them to the sweep of orphans. */
async function requireWritable(store: ObjectStore): Promise<void> {
  const path = `attempt/readiness/${newId()}`;
  const bytes = Buffer.from('ready');
  await store.put(path, Readable.from([bytes]));
  try {
    const back: Uint8Array[] = [];
    for await (const chunk of store.get(path, 0, bytes.length)) back.push(chunk);
    if (!Buffer.concat(back).equals(bytes)) throw new NotReadyError('gives back other bytes than it took');
  } finally {
    await store.delete(path);
  }
}

/** What waits for the sequencer, and how long the oldest record has. */
export async function logBacklog(db: Db): Promise<{ rows: number; seconds: number }> {
  const [found] = await db.query<{ rows: number; seconds: number }>(
    `SELECT (SELECT count(*) FROM audit_outbox)::int AS rows,
       coalesce(extract(epoch FROM clock_timestamp() - (SELECT (event ->> 'time')::timestamptz FROM audit_outbox ORDER BY seq LIMIT 1)), 0)::float8
         AS seconds`,
  );
  return found!;
}

/** Entries of the newest checkpoint; 0 for an empty log. */
export async function logSize({ db, log }: Platform): Promise<number> {
  const [any] = await db.query('SELECT 1 FROM log_checkpoints LIMIT 1');
  if (!any) return 0;
  return (await logHead(db, { origin: log.name, verifierKey: log.verifierKey })).checkpoint.size;
}
