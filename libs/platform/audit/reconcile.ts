import type { Db } from '#db';
import { CompactRange, leafHash } from '#tlog';
import type { AuditEventKind } from './audit.events.ts';
import { type LogIdentity, logHead } from './log-reader.ts';

/** Rows that must each have left an event, told by the feature that owns them: `SELECT id FROM renders WHERE state = 'published'`. */
export interface Witnessed {
  /** In the report: "published render". */
  readonly what: string;
  readonly kind: AuditEventKind;
  /** Member of the event's data that names the row. */
  readonly member: string;
  readonly ids: () => Promise<readonly string[]>;
}

export interface Reconciliation {
  readonly ok: boolean;
  readonly size: number;
  /** Log index of the first entry that is not what was signed, or is missing. */
  readonly firstBad?: number;
  /** Rows without their event: an effect without a record. */
  readonly unrecorded: readonly { readonly what: string; readonly id: string }[];
  readonly findings: readonly string[];
}

const PAGE = 5000;

/**
 * Goes through the whole log as it lies in the database: dense, each line its leaf and at its own place, the leaves the signed root; and
 * asks for each witnessed row whether its event is there. The second is the only way to see an event that was never appended: inside the
 * log nothing is missing then. Waits for nothing: run it after `drain`. Memory stays flat but for the ids of the rows.
 */
export async function reconcile(db: Db, log: LogIdentity, witnessed: readonly Witnessed[] = []): Promise<Reconciliation> {
  const { checkpoint } = await logHead(db, log);
  const findings: string[] = [];
  const missing = new Map<string, Map<string, string>>();
  for (const { what, kind, member, ids } of witnessed) {
    const key = `${kind} ${member}`;
    const wanted = missing.get(key) ?? new Map<string, string>();
    for (const id of await ids()) wanted.set(id, what);
    missing.set(key, wanted);
  }
  const range = new CompactRange();
  let firstBad: number | undefined;
  const bad = (index: number, finding: string): void => {
    firstBad ??= index;
    findings.push(`entry ${index}: ${finding}`);
  };
  for (let from = 0; from < checkpoint.size && findings.length < 100; from += PAGE) {
    const until = Math.min(from + PAGE, checkpoint.size);
    const page = await db.query<{ idx: string; line: string; leaf: Buffer }>(
      'SELECT idx, line, leaf FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx',
      [from, until],
    );
    if (page.length < until - from) bad(firstGap(page, from), 'is missing');
    for (const { idx, line, leaf } of page) {
      const hash = leafHash(Buffer.from(line));
      range.append(hash);
      if (!hash.equals(leaf)) bad(Number(idx), 'the line is not the one that was hashed');
      const { sequence, type, data } = parseLine(line);
      if (sequence !== Number(idx)) bad(Number(idx), 'the line names another place');
      for (const { kind, member } of witnessed)
        if (kind === type) missing.get(`${kind} ${member}`)?.delete(String(data?.[member]));
    }
  }
  if (findings.length === 0 && !range.root().equals(checkpoint.root)) findings.push('the entries do not give the signed root');
  const unrecorded = [...missing.values()].flatMap((wanted) => [...wanted].map(([id, what]) => ({ what, id })));
  return {
    ok: findings.length === 0 && unrecorded.length === 0,
    size: checkpoint.size,
    ...(firstBad === undefined ? {} : { firstBad }),
    unrecorded,
    findings,
  };
}

const firstGap = (page: readonly { idx: string }[], from: number): number => {
  const at = page.findIndex((row, i) => Number(row.idx) !== from + i);
  return from + (at < 0 ? page.length : at);
};

interface Envelope {
  readonly sequence?: unknown;
  readonly type?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A line that somebody broke is a finding by its hash already; here it only has no members. */
function parseLine(line: string): Envelope {
  try {
    return Object(JSON.parse(line)) as Envelope;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
