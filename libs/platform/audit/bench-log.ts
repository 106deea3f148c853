import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Db } from '#db';
import { type BenchFigure, type Principal, newId } from '#kernel';
import { NoteSigner, leafHash, openCheckpoint, verifyInclusion } from '#tlog';
import { Audit } from './audit.ts';
import { verifyBundle } from './bundle-verifier.ts';
import { exportBundle } from './bundle.ts';
import { HeadFile } from './head-file.ts';
import { logHead, proofFor } from './log-reader.ts';
import { Sequencer } from './sequencer.ts';

const PRINCIPAL: Principal = { tenantId: 'bench', actorId: 'bench-log', roles: ['system'] };

/**
 * What the log costs on this machine, on a migrated database without a log of its own (the log that is there is not touched: a database
 * that has one is refused). Figures: appends a second from 8 callers, one event a transaction; sequenced entries a second; inclusion
 * proofs from the database; export; offline verification.
 */
export async function benchLog(db: Db, entries = 20_000): Promise<BenchFigure[]> {
  const [there] = await db.query<{ n: number }>('SELECT (SELECT count(*) FROM log_checkpoints)::int AS n');
  if (there!.n > 0) throw new Error('bench log needs a database without a log: it would write into yours');
  const folder = await mkdtemp(join(tmpdir(), 'assent-bench-log-'));
  const signer = new NoteSigner('assent.bench/log', crypto.getRandomValues(new Uint8Array(32)));
  const log = { origin: signer.name, verifierKey: signer.verifierKey };
  const sequencer = new Sequencer(db, signer, new HeadFile(join(folder, 'head')));
  try {
    const figures = [await appendRate(db, Math.min(entries, 4000)), await sequenceRate(db, sequencer, entries)];
    figures.push(...(await proofTimes(db, log)));
    const exported = await timed(() => exportBundle(db, log, 0, join(folder, 'bundle')));
    figures.push(rate('export', 'entries/s', exported.value.entries, exported.ms));
    const verified = await timed(() => verifyBundle(join(folder, 'bundle'), signer.verifierKey));
    if (!verified.value.ok) throw new Error(`the bench bundle does not verify: ${verified.value.detail}`);
    figures.push(rate('offline verification', 'entries/s', verified.value.entries, verified.ms));
    return figures;
  } finally {
    await sequencer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function appendRate(db: Db, count: number): Promise<BenchFigure> {
  const audit = new Audit();
  const one = (): Promise<string> =>
    db.tx((tx) => audit.append(tx, PRINCIPAL, { kind: 'training.started', data: { trainingId: newId(), epoch: 1 } }));
  const { ms } = await timed(() =>
    Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < count / 8; i++) await one();
      }),
    ),
  );
  return rate('append, 8 callers, one event a transaction', 'events/s', count, ms);
}

/** The backlog is written in bulk, so that only the sequencer is measured. */
async function sequenceRate(db: Db, sequencer: Sequencer, entries: number): Promise<BenchFigure> {
  await db.query(
    `INSERT INTO audit_outbox (event_id, tenant_id, event)
     SELECT gen_random_uuid(), 'bench', jsonb_build_object('kind', 'consent.withdrawn', 'actor', 'bench-log', 'time', clock_timestamp(),
            'data', jsonb_build_object('consentId', gen_random_uuid(), 'subjectId', gen_random_uuid()))
     FROM generate_series(1, $1::int)`,
    [entries],
  );
  const { ms, value } = await timed(() => sequencer.drain(600_000));
  return rate('sequencing (COPY, batches of 1000, signed)', 'entries/s', value, ms, 20_000);
}

async function proofTimes(db: Db, log: { origin: string; verifierKey: string }): Promise<BenchFigure[]> {
  const { size } = (await logHead(db, log)).checkpoint;
  const times: number[] = [];
  for (let i = 0; i < 300; i++) {
    const index = Math.floor(Math.random() * size);
    const { ms, value } = await timed(() => proofFor(db, log, index));
    times.push(ms);
    const { size: at, root } = openCheckpoint(value.checkpoint, [log.verifierKey], log.origin);
    const proof = value.proof.map((hash) => Buffer.from(hash, 'base64'));
    if (!verifyInclusion(leafHash(Buffer.from(value.line)), index, at, proof, root))
      throw new Error(`the proof of ${index} is wrong`);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(times[Math.floor(share * (times.length - 1))]! * 100) / 100;
  return [
    { name: `inclusion proof at ${size} entries, p50`, value: at(0.5), unit: 'ms' },
    { name: `inclusion proof at ${size} entries, p99`, value: at(0.99), unit: 'ms', goal: '<= 25', ok: at(0.99) <= 25 },
  ];
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { ms: performance.now() - start, value };
}

function rate(name: string, unit: string, count: number, ms: number, floor?: number): BenchFigure {
  const value = Math.round((count / ms) * 1000);
  return { name, value, unit, ...(floor === undefined ? {} : { goal: `>= ${floor}`, ok: value >= floor }) };
}
