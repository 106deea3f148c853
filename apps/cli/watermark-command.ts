import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '#kernel';
import { KeyStore } from '#keys';
import { chooseSandbox, findMediaTools } from '#media';
import { detectAudioMark, detectVideoMark } from '#provenance';
import { sandboxedDecoder } from '#rendering';
import { UsageError } from './demo-options.ts';

/** `assent watermark detect FILE`: with the keys of this deployment (ASSENT_HOME). Exit 0 found, 1 not found. */
export async function watermarkCommand(args: string[]): Promise<number> {
  const [action, ...rest] = args;
  const file = rest.find((arg) => !arg.startsWith('--'));
  if (action !== 'detect' || file === undefined) throw new UsageError('Usage: assent watermark detect FILE [--json]');
  if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`);
  const config = loadConfig();
  if (!existsSync(join(config.ASSENT_HOME, 'keys')))
    throw new UsageError(`${config.ASSENT_HOME} holds no keys: run this where the platform runs, or set ASSENT_HOME.`);
  const keys = await KeyStore.open(join(config.ASSENT_HOME, 'keys'));
  const secret = await keys.serviceSecret('watermark-1', () => crypto.getRandomValues(new Uint8Array(32)));
  const decoder = sandboxedDecoder(
    await findMediaTools({ ffmpegPath: config.FFMPEG_PATH }),
    chooseSandbox(config.ASSENT_SANDBOX),
  );
  const known = [{ kid: 'wm-1', key: secret }];
  const video = await detectVideoMark(decoder.frames(file), known);
  const samples = await decoder.audio(file);
  const audio = samples ? detectAudioMark(samples, known) : null;
  const found = video.found || (audio?.found ?? false);
  if (rest.includes('--json'))
    console.log(JSON.stringify({ file, found, id: video.id ?? audio?.id ?? null, video, audio }, null, 2));
  else
    console.log(
      found
        ? `Our mark ${video.id ?? audio?.id} was found.`
        : 'No mark of this deployment was found. That says nothing about where the file comes from.',
    );
  return found ? 0 : 1;
}
