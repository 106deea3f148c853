import { parseArgs } from 'node:util';
import type { BenchFigure } from '#kernel';
import { UsageError } from './demo-options.ts';
import { machine } from './machine.ts';

interface BenchOptions {
  readonly video?: string | undefined;
  readonly clips?: string | undefined;
}
type Bench = (options: BenchOptions) => Promise<BenchFigure[]>;

/** Each bench prints the figures that an issue asks for, with a peer or a plain reference measured in the same run. */
const BENCHES: Readonly<Record<string, Bench>> = {
  fit: async ({ video }) => (await import('./fit-bench.ts')).fitBench(video),
  synthetic: async () => (await import('#synthetic')).benchSynthetic(),
  media: async ({ video }) => (await import('#media')).benchMedia(video === undefined ? {} : { file: video }),
  provenance: async () => (await import('#provenance')).benchProvenance(),
  watermark: async () => (await import('#provenance')).benchWatermark(),
  track: async () => (await import('#inference')).benchTrack(),
  survey: async () => (await import('#inference')).benchSurvey(),
  log: async () => (await import('./log-bench.ts')).logBench(),
  doors: async () => (await import('./doors-bench.ts')).doorsBench(),
  solver: async () => (await import('#face')).benchSolver(),
};

export async function benchCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, video: { type: 'string' }, clips: { type: 'string' } },
  });
  const [name] = positionals;
  const bench = name === undefined ? undefined : BENCHES[name];
  if (!bench) throw new UsageError(`Usage: assent bench NAME [--json]; NAME is one of ${Object.keys(BENCHES).join(', ')}.`);
  const figures = await bench({ video: values.video, clips: values.clips });
  if (values.json) console.log(JSON.stringify({ name, commit: await commit(), machine: machine(), figures }, null, 2));
  else
    for (const { name: what, value, unit, goal, ok } of figures)
      console.log(
        `${what.padEnd(44)} ${String(Math.round(value * 1000) / 1000).padStart(10)} ${unit}${goal === undefined ? '' : `  (${goal}: ${ok ? 'met' : 'not met'})`}`,
      );
  return 0;
}

/** The commit of the checkout, where there is git; a figure without one says so. */
async function commit(): Promise<string> {
  const { spawnSync } = await import('node:child_process');
  const { packageRoot } = await import('#kernel');
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot(), encoding: 'utf8' });
  return git.status === 0 ? git.stdout.trim() : 'unknown';
}
