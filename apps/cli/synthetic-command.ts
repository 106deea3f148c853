import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '#kernel';
import { chooseSandbox, findMediaTools } from '#media';
import { MediaKit } from '#uploads';
import { UsageError } from './demo-options.ts';
import { makeSyntheticClips } from './synthetic-clips.ts';

const USAGE = 'Usage: assent synthetic --out DIR [--seed N] [--seconds S]';

/** Draws the two recordings of a person who does not exist: something to try the API with that is nobody's likeness. */
export async function syntheticCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { out: { type: 'string' }, seed: { type: 'string', default: '1' }, seconds: { type: 'string', default: '30' } },
  });
  const [seed, seconds] = [Number(values.seed), Number(values.seconds)];
  if (values.out === undefined || !Number.isInteger(seed)) throw new UsageError(USAGE);
  if (!(seconds >= 10 && seconds <= 150)) throw new UsageError(`--seconds is 10 to 150. ${USAGE}`);
  const folder = resolve(values.out);
  mkdirSync(folder, { recursive: true });
  const config = loadConfig();
  const made = await makeSyntheticClips({
    seed,
    seconds,
    impostor: false,
    folder,
    media: new MediaKit(await findMediaTools({ ffmpegPath: config.FFMPEG_PATH }), chooseSandbox(config.ASSENT_SANDBOX)),
    signal: new AbortController().signal,
    onProgress: (fraction) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${Math.round(100 * fraction)} %`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  console.log(`${made.consentClip}\n${made.footage}`);
  return 0;
}
