import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EMPTY_ROOT, Frontier, HASH_BYTES, NoteError, leafHash, openCheckpoint, verifyConsistency } from '#tlog';

/** What was done to a bundle, in the words of the auditor's guide. */
export type Tampering =
  | 'checkpoint-forged'
  | 'line-edited'
  | 'line-deleted'
  | 'line-added'
  | 'lines-swapped'
  | 'tail-truncated'
  | 'tree-rewritten'
  | 'proof-broken'
  | 'bundle-unreadable';

export interface BundleReport {
  readonly ok: boolean;
  readonly size: number;
  readonly entries: number;
  /** Whether the key was pinned by the caller or only taken from the bundle. */
  readonly key: 'pinned' | 'from-bundle';
  readonly tampering?: Tampering;
  /** Log index of the first bad line, where one can be named. */
  readonly firstBad?: number;
  readonly detail: string;
}

/** Checks a bundle offline. Reports, never throws for what it finds. `pinnedKey`: the auditor's own copy of the log's key. */
export async function verifyBundle(folder: string, pinnedKey?: string): Promise<BundleReport> {
  const key = pinnedKey === undefined ? 'from-bundle' : 'pinned';
  const bad = (tampering: Tampering, detail: string, firstBad?: number): BundleReport => ({
    ok: false,
    size: 0,
    entries: 0,
    key,
    tampering,
    detail,
    ...(firstBad === undefined ? {} : { firstBad }),
  });
  let text: string,
    leaves: Buffer,
    note: string,
    vkey: string,
    since: number,
    origin: string,
    proof: { oldSize: number; oldRoot: string; hashes: string[] };
  try {
    text = await readFile(join(folder, 'entries.jsonl'), 'utf8');
    leaves = await readFile(join(folder, 'leaves.bin'));
    note = await readFile(join(folder, 'checkpoint'), 'utf8');
    vkey = pinnedKey ?? (await readFile(join(folder, 'log.vkey'), 'utf8'));
    ({ since, origin } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { since: number; origin: string });
    proof = JSON.parse(await readFile(join(folder, 'proof.json'), 'utf8')) as typeof proof;
  } catch (error) {
    return bad('bundle-unreadable', `A file of the bundle cannot be read: ${(error as Error).message}`);
  }
  let checkpoint;
  try {
    checkpoint = openCheckpoint(note, [vkey], origin);
  } catch (error) {
    if (error instanceof NoteError) return bad('checkpoint-forged', `The checkpoint is not the log's: ${error.message}.`);
    throw error;
  }
  const hashes = Array.from({ length: Math.floor(leaves.length / HASH_BYTES) }, (_, i) =>
    leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
  const frontier = new Frontier();
  frontier.append(hashes);
  if (hashes.length !== checkpoint.size || !frontier.root().equals(checkpoint.root)) {
    return bad('tree-rewritten', 'The leaf hashes do not give the root that the log signed.');
  }
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const found = compareLines(lines.map((line) => leafHash(Buffer.from(line))), hashes, since); // prettier-ignore
  if (found) return bad(found.tampering, found.detail, found.at);
  const old = new Frontier();
  old.append(hashes.slice(0, since));
  const oldRoot = since === 0 ? EMPTY_ROOT : old.root();
  if (proof.oldSize !== since || oldRoot.toString('base64') !== proof.oldRoot)
    return bad('proof-broken', 'The consistency proof is about another state of the log.');
  if (since > 0 && !verifyConsistency(since, checkpoint.size, proof.hashes.map((h) => Buffer.from(h, 'base64')), oldRoot, checkpoint.root)) {
    return bad('proof-broken', 'The consistency proof does not verify.');
  } // prettier-ignore
  return {
    ok: true,
    size: checkpoint.size,
    entries: lines.length,
    key,
    detail: `${lines.length} entries, all as signed (root ${createHash('sha256').update(checkpoint.root).digest('hex').slice(0, 16)}).`,
  };
}

/** Names the first line that is not the log's, and what happened to it. */
function compareLines(
  lines: readonly Buffer[],
  hashes: readonly Buffer[],
  since: number,
): { tampering: Tampering; detail: string; at: number } | undefined {
  const expected = hashes.length - since;
  const same = (line: number, entry: number): boolean =>
    line < lines.length && entry < expected && lines[line]!.equals(hashes[since + entry]!);
  let i = 0;
  while (i < Math.min(lines.length, expected) && same(i, i)) i++;
  if (i === expected && i === lines.length) return undefined;
  const at = since + i;
  if (i === lines.length)
    return { tampering: 'tail-truncated', at, detail: `${expected - i} entries are missing at the end, from ${at} on.` };
  if (i === expected) return { tampering: 'line-added', at, detail: `Line ${i + 1} and later are not in the log.` };
  if (same(i, i + 1) && same(i + 1, i))
    return { tampering: 'lines-swapped', at, detail: `Entries ${at} and ${at + 1} stand in each other's place.` };
  if (lines.length < expected && same(i, i + 1)) return { tampering: 'line-deleted', at, detail: `Entry ${at} was taken out.` };
  if (lines.length > expected && same(i + 1, i))
    return { tampering: 'line-added', at, detail: `Line ${i + 1} was put in; it is not in the log.` };
  const moved = hashes.findIndex((hash) => hash.equals(lines[i]!));
  if (moved >= 0) return { tampering: 'lines-swapped', at, detail: `Entry ${moved} stands in the place of entry ${at}.` };
  return { tampering: 'line-edited', at, detail: `Entry ${at} was changed.` };
}
