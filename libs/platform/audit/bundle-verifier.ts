import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Checkpoint, CompactRange, HASH_BYTES, NoteError, openCheckpoint, verifyConsistency } from '#tlog';
import { Leaves, type ReadLines, compareLines, readLines } from './bundle-lines.ts';
import type { BundleReport, Finding, Tampering } from './bundle-report.ts';
import { TenantLines } from './tenant-lines.ts';

const base64Hash = z
  .base64()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((bytes) => bytes.length === HASH_BYTES);
const manifestSchema = z.object({
  format: z.literal('assent-audit-bundle/2'),
  origin: z.string(),
  since: z.int().min(0),
  entries: z.int().min(0),
  complete: z.boolean(),
  source: z.string().nullish(),
});
const proofSchema = z.object({
  oldSize: z.int().min(0),
  oldRoot: base64Hash,
  prefix: z.array(base64Hash),
  hashes: z.array(base64Hash),
});

type Manifest = z.infer<typeof manifestSchema>;
interface Bundle {
  readonly manifest: Manifest;
  readonly proof: z.infer<typeof proofSchema>;
  readonly note: string;
  readonly verifierKey: string;
  readonly leaves: Leaves;
  readonly lines: ReadLines;
  readonly tenant: TenantLines | undefined;
}

class Found extends Error {
  constructor(readonly finding: Finding) {
    super(finding.detail);
  }
}
const found = (tampering: Tampering, detail: string): Found => new Found({ tampering, detail });

/**
 * Checks a bundle offline, in the order of docs/log-format.md. Reports, never throws for what it finds.
 * @param pinnedKey the auditor's own copy of the log's key; without it the key of the bundle is believed, and the report says so
 * @param knownCheckpoint a checkpoint that the auditor kept from before: the log must continue it. Only this (or a witness) shows a
 *   log whose operator rewrote history and signed it again
 */
export async function verifyBundle(folder: string, pinnedKey?: string, knownCheckpoint?: string): Promise<BundleReport> {
  const report = {
    ok: false,
    size: 0,
    since: 0,
    entries: 0,
    complete: false,
    key: pinnedKey === undefined ? 'from-bundle' : 'pinned',
    known: 'not-given',
  } as const;
  let facts: Partial<BundleReport> = {};
  try {
    const bundle = await readBundle(folder, pinnedKey);
    const checkpoint = openOrFind(bundle.note, bundle.verifierKey, bundle.manifest.origin, 'checkpoint');
    const { since, complete } = bundle.manifest;
    facts = { size: checkpoint.size, since, complete, entries: bundle.lines.leaves.count };
    const beginning = requireBeginning(bundle, checkpoint);
    const leaves = requireLines(bundle, checkpoint, beginning);
    const known = requireKnown(bundle, checkpoint, leaves, knownCheckpoint);
    const scope = complete ? '' : ' of one tenant';
    const detail = `${bundle.lines.leaves.count} entries${scope} from ${since} to ${checkpoint.size}, all as ${checkpoint.origin} signed them.`;
    return { ...report, ...facts, ok: true, known, detail };
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    const { tampering, detail, at } = error.finding;
    return { ...report, ...facts, tampering, detail, ...(at === undefined ? {} : { firstBad: at }) };
  }
}

async function readBundle(folder: string, pinnedKey: string | undefined): Promise<Bundle> {
  try {
    const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    const manifest = manifestSchema.parse(JSON.parse(await read('manifest.json')));
    const tenant = manifest.complete ? undefined : new TenantLines();
    return {
      manifest,
      proof: proofSchema.parse(JSON.parse(await read('proof.json'))),
      note: await read('checkpoint'),
      verifierKey: pinnedKey ?? (await read('log.vkey')),
      leaves: new Leaves(await readFile(join(folder, 'leaves.bin'))),
      lines: await readLines(createReadStream(join(folder, 'entries.jsonl'), { highWaterMark: 1 << 20 }), tenant?.add),
      tenant,
    };
  } catch (error) {
    throw found('bundle-unreadable', `A file of the bundle cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
}

function openOrFind(note: string, verifierKey: string, origin: string, what: string): Checkpoint {
  try {
    return openCheckpoint(note, [verifierKey], origin);
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    const kind = error.message === 'no signature by a known key' ? 'foreign-key' : 'checkpoint-forged';
    throw found(kind, `The ${what} is not the log's: ${error.message}.`);
  }
}

/** The hashes that stand for entries 0..since are what the log signed. Returns them, to go on from there. */
function requireBeginning({ manifest: { since }, proof }: Bundle, checkpoint: Checkpoint): () => CompactRange {
  const beginning = (): CompactRange => CompactRange.of(since, proof.prefix);
  const broken = (detail: string): Found => found('proof-broken', detail);
  if (since > checkpoint.size || proof.oldSize !== since)
    throw broken('The consistency proof is about another state of the log.');
  let root: Buffer;
  try {
    root = beginning().root();
  } catch (error) {
    if (error instanceof RangeError) throw broken(`The beginning of the log is malformed: ${error.message}.`);
    throw error;
  }
  if (!root.equals(proof.oldRoot)) throw broken('The beginning of the log is not the one that the proof is about.');
  const holds =
    since === 0 ? proof.hashes.length === 0 : verifyConsistency(since, checkpoint.size, proof.hashes, root, checkpoint.root);
  if (!holds) throw broken('The consistency proof does not verify.');
  return beginning;
}

/** Every line is what the log signed at its place. Returns the leaves that the signed root was reached with. */
function requireLines(
  bundle: Bundle,
  checkpoint: Checkpoint,
  beginning: () => CompactRange,
): { leaves: Leaves; beginning: CompactRange } {
  const { leaves, lines, tenant, manifest } = bundle;
  const expected = checkpoint.size - manifest.since;
  const gives = (hashes: Leaves): boolean => {
    if (hashes.count !== expected || hashes.bytes.length !== expected * HASH_BYTES) return false;
    const range = beginning();
    for (let i = 0; i < hashes.count; i++) range.append(hashes.at(i));
    return range.root().equals(checkpoint.root);
  };
  if (!tenant && lines.closed && gives(lines.leaves)) {
    if (!leaves.bytes.equals(lines.leaves.bytes)) throw found('bundle-damaged', 'All lines are right; leaves.bin is not theirs.');
    return { leaves, beginning: beginning() };
  }
  if (!gives(leaves)) throw found('tree-rewritten', 'Neither the lines nor the leaf hashes give the root that the log signed.');
  const wrong = tenant
    ? tenant.compare(lines, leaves, manifest.since, manifest.entries, manifest.source ?? undefined)
    : compareLines(lines, leaves, manifest.since);
  if (wrong) throw new Found(wrong);
  return { leaves, beginning: beginning() };
}

/** The log at the size of the auditor's checkpoint is the log that the auditor saw. */
function requireKnown(
  { verifierKey, manifest }: Bundle,
  checkpoint: Checkpoint,
  signed: { leaves: Leaves; beginning: CompactRange },
  note: string | undefined,
): BundleReport['known'] {
  if (note === undefined) return 'not-given';
  const known = openOrFind(note, verifierKey, manifest.origin, 'known checkpoint');
  if (known.size > checkpoint.size)
    throw found('log-shorter', `The bundle ends at ${checkpoint.size}, you hold a checkpoint of ${known.size}: ask for a newer bundle. If there is none, the log was rolled back.`); // prettier-ignore
  if (known.size < manifest.since) return 'not-covered';
  const range = signed.beginning;
  for (let i = 0; range.size < known.size; i++) range.append(signed.leaves.at(i));
  if (!range.root().equals(known.root))
    throw found('history-rewritten', `The first ${known.size} entries are not those of the checkpoint that you hold.`);
  return 'continued';
}
