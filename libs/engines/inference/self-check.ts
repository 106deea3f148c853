import { readFileSync } from 'node:fs';
import { shipped } from '#kernel';
import { cartoonFace, goldenVoice } from './golden-inputs.ts';
import { getModel, listModels, type ModelName } from './model-registry.ts';
import { ModelUnusableError } from './models.errors.ts';
import { Net } from './net.ts';

interface GoldenOutput {
  readonly dims: number[];
  readonly first8: number[];
  readonly spread8: number[];
  readonly l2: number;
}
interface FaceCase {
  readonly inputs: Readonly<Record<string, { dims: number[]; lo: number; hi: number; size: number }>>;
  readonly outputs: Readonly<Record<string, GoldenOutput>>;
}
interface StreamCase {
  readonly stream: { readonly rate: 8000 | 16000; readonly frames: number; readonly chunk: number; readonly context: number };
  readonly outputs: Readonly<Record<string, GoldenOutput>>;
}
type GoldenCase = FaceCase | StreamCase;

/** How far a model's answers are from the recorded ones, in units of the tolerance 1e-3 × max(1, |expected|): above 1 is a failure. */
export interface ModelCheck {
  readonly name: string;
  readonly sha256: string;
  readonly worst: number;
  readonly ok: boolean;
}

/**
 * Runs every model on its golden input: the file is right (sha256), the runtime loads it, and this CPU's kernels answer what the
 * reviewed machine answered. 0.6 s. Reports a drift; @throws what the registry throws for a wrong or missing file.
 */
export async function selfCheckModels(names: readonly string[] = listModels().map((model) => model.name)): Promise<ModelCheck[]> {
  const golden = readGolden();
  const checks: ModelCheck[] = [];
  for (const name of names) {
    const { sha256 } = getModel(name);
    const cases = golden[name]?.cases;
    if (!cases) throw new ModelUnusableError(`models/golden.json has no case for "${name}".`);
    let worst = 0;
    for (const one of cases) worst = Math.max(worst, await difference(name as ModelName, one));
    checks.push({ name, sha256, worst, ok: worst <= 1 });
  }
  return checks;
}

function readGolden(): Record<string, { cases: GoldenCase[] } | undefined> {
  try {
    const text = readFileSync(shipped('models', 'golden.json'), 'utf8');
    return (JSON.parse(text) as { models: Record<string, { cases: GoldenCase[] }> }).models;
  } catch (cause) {
    throw new ModelUnusableError('models/golden.json cannot be read: restore the models folder.', {}, { cause });
  }
}

async function difference(name: ModelName, one: GoldenCase): Promise<number> {
  const net = await Net.get(name);
  const got = 'stream' in one ? await runStream(net, one) : await runFace(net, one);
  return Math.max(...Object.entries(one.outputs).map(([output, want]) => outputDifference(got[output], want)));
}

function runFace(net: Net, { inputs }: FaceCase): Promise<Record<string, Float32Array>> {
  return net.run((input) => {
    for (const [name, spec] of Object.entries(inputs)) input(name).set(cartoonFace(spec.dims, spec));
  });
}

/** The stream's chunks in a row, the state handed on; the answer to the last one. */
async function runStream(
  net: Net,
  { stream: { rate, frames, chunk, context } }: StreamCase,
): Promise<Record<string, Float32Array>> {
  const sr = net.tensor('int64', BigInt64Array.of(BigInt(rate)), []);
  let state = net.tensor('float32', new Float32Array(256), [2, 1, 128]);
  let out: Record<string, Float32Array> = {};
  for (let i = 0; i < frames; i++) {
    const samples = goldenVoice(context + chunk, { rate, from: i * chunk - context });
    out = await net.run(() => undefined, { input: net.tensor('float32', samples, [1, samples.length]), state, sr });
    state = net.tensor('float32', Float32Array.from(out['stateN']!), [2, 1, 128]);
  }
  return out;
}

/** NaN and a missing output count as infinitely far. */
export function outputDifference(got: Float32Array | undefined, want: GoldenOutput): number {
  const n = want.dims.reduce((a, b) => a * b, 1);
  if (got?.length !== n) return Infinity;
  const off = (a: number, b: number): number => {
    const d = Math.abs(a - b) / (1e-3 * Math.max(1, Math.abs(b)));
    return Number.isNaN(d) ? Infinity : d;
  };
  let squares = 0;
  for (const v of got) squares += v * v;
  return Math.max(
    off(Math.sqrt(squares), want.l2),
    ...want.first8.map((v, k) => off(got[k]!, v)),
    ...want.spread8.map((v, k) => off(got[Math.floor((n * (64 * k + 37)) / 512)]!, v)),
  );
}
