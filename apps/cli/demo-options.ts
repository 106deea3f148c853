import { parseArgs } from 'node:util';
import { DomainError } from '#kernel';

/** A command line that cannot be carried out: exit 2. */
export class UsageError extends DomainError {
  override readonly problem = { slug: 'usage', status: 400, title: 'The command line is not usable' } as const;
}

export interface DemoOptions {
  readonly out: string;
  readonly seed: number;
  readonly seconds: number;
  readonly preset: 'cpu-256';
  readonly impostor: boolean;
  /** Real clips instead of the synthetic subject. */
  readonly clips?: { readonly video: string; readonly consentVideo: string };
}

export const DEMO_USAGE = `Usage: npm run demo -- [options]
  --out DIR             where the results go (default: demo-out)
  --seed N              picks the synthetic person (default: 1)
  --seconds S           length of the synthetic footage, 20 to 180 (default: 30)
  --preset cpu-256      quality preset (gpu-512 is not built yet)
  --impostor            the footage is of another person: must stop at the gate (exit 3)
  --video FILE          real footage instead of the synthetic subject; needs --consent-video
  --consent-video FILE  another recording of the same person, as the evidence of consent
  --no-apt              as root: do not install Debian's ffmpeg and bubblewrap`;

/** @throws UsageError naming the fault. */
export function parseDemoOptions(args: string[]): DemoOptions {
  const values = readArguments(args);
  const whole = (name: 'seed' | 'seconds', least: number, most: number, otherwise: number): number => {
    if (values[name] === undefined) return otherwise;
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UsageError(`--${name} is a whole number from ${least} to ${most}.`);
    return value;
  };
  const preset = values.preset ?? 'cpu-256';
  if (preset === 'gpu-512')
    throw new UsageError('--preset gpu-512 needs the WebGPU backend, which is not built yet. Use cpu-256.');
  if (preset !== 'cpu-256') throw new UsageError(`--preset is cpu-256 or gpu-512, not "${preset}".`);
  const { video, 'consent-video': consentVideo } = values;
  if (video !== undefined && consentVideo === undefined) {
    throw new UsageError('--video needs --consent-video: another recording of the same person, in which the consent is given.');
  }
  if (video === undefined && consentVideo !== undefined)
    throw new UsageError('--consent-video needs --video: the footage to train on.');
  if (video !== undefined && values.impostor)
    throw new UsageError('--impostor is for the synthetic subject; with --video, give the clips of two people.');
  return {
    out: values.out ?? 'demo-out',
    seed: whole('seed', 0, 2 ** 31 - 1, 1),
    seconds: whole('seconds', 20, 180, 30),
    preset,
    impostor: values.impostor ?? false,
    ...(video !== undefined && consentVideo !== undefined ? { clips: { video, consentVideo } } : {}),
  };
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      strict: true,
      allowPositionals: false,
      options: {
        out: { type: 'string' },
        seed: { type: 'string' },
        seconds: { type: 'string' },
        preset: { type: 'string' },
        impostor: { type: 'boolean' },
        video: { type: 'string' },
        'consent-video': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}.`);
  }
}
