import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchFigure } from '#kernel';
import { createDevelopmentPki, loadPki } from '#pki';
import { readC2pa } from './read-c2pa.ts';
import { type ClaimIdentity, signAsset } from './sign-asset.ts';

const RUNS = 5;
/** A short render and a long one. */
const SIZES = { '0.5 MB': 5e5, '20 MB': 2e7 } as const;

/**
 * Signing (with verify-after-sign and a time stamp) and verifying as a worker pays for them: the thread's start included, the module
 * compiled before. Median wall times on made-up WAV files: hashing sees bytes, whatever they mean.
 */
export async function benchProvenance(): Promise<BenchFigure[]> {
  const identity = loadPki(await createDevelopmentPki());
  const folder = await mkdtemp(join(tmpdir(), 'assent-bench-'));
  try {
    const figures: BenchFigure[] = [];
    for (const [name, size] of Object.entries(SIZES)) figures.push(...(await measure(name, size, folder, identity)));
    return figures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(name: string, size: number, folder: string, identity: ClaimIdentity): Promise<BenchFigure[]> {
  const input = join(folder, 'in.wav');
  const output = join(folder, 'out.wav');
  await writeFile(input, noise(size));
  const spec = {
    title: 'bench',
    digitalSourceType: 'trainedAlgorithmicMedia' as const,
    consent: {
      status_url: 'https://assent.example/v1/consents/0/status',
      record_sha256: '0'.repeat(64),
      scope_sha256: '0'.repeat(64),
      assurance: 'none',
    },
    lineage: {},
  };
  const sign = await median(() => signAsset({ input, output, mimeType: 'audio/wav' }, spec, [], identity));
  const verified = await median(async () => {
    const { state } = await readC2pa(output, identity.anchors);
    if (state !== 'trusted') throw new Error(`the bench's own file reads as ${state}`);
  });
  return [
    { name: `c2pa sign, ${name}`, value: sign, unit: 'ms' },
    { name: `c2pa sign rate, ${name}`, value: size / 1e3 / sign, unit: 'MB/s' },
    { name: `c2pa verify, ${name}`, value: verified, unit: 'ms' },
    { name: `c2pa verify rate, ${name}`, value: size / 1e3 / verified, unit: 'MB/s' },
  ];
}

/** 16-bit mono at 48 kHz. */
function noise(size: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + size, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(48_000, 24);
  header.writeUInt32LE(96_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(size, 40);
  return Buffer.concat([header, randomBytes(size)]);
}

/** The first run warms up and does not count. */
async function median(work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[RUNS >> 1]!;
}
