import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment } from '#kernel';
import { MediaToolsMissingError } from './media.errors.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

export type MediaToolsSource = 'configured' | 'system' | 'ffmpeg-static' | 'npm-2018';

/** The ffmpeg that was found, and what it can do. Plain data: it may travel to a child process. */
export interface MediaTools {
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** As the binary prints it, e.g. `5.1.9-0+deb12u1` or `N-47683-g0e8eb07980-static`. */
  readonly version: string;
  /** Major version; 4 for the snapshots without one. */
  readonly major: number;
  readonly source: MediaToolsSource;
  /** HDR needs both: without them HDR footage is refused, never trained washed out. */
  readonly hasZscale: boolean;
  readonly hasTonemap: boolean;
  readonly encoders: readonly string[];
  readonly decoders: readonly string[];
  /** A sentence for the operator: this source is for the demo only. */
  readonly warning?: string;
}

interface Candidate {
  readonly source: MediaToolsSource;
  readonly find: () => Promise<{ ffmpeg: string; ffprobe: string } | undefined>;
  readonly warning?: string;
}

const OLD_FFMPEG =
  'ffmpeg is the 2018 snapshot of the npm package @ffmpeg-installer: years of unrepaired decoders. Good enough for the demo on your own clips; install ffmpeg before anybody else uploads.';

/** Only the order of the search; `sources` lets a test walk one of them. */
export interface FindMediaToolsOptions {
  /** FFMPEG_PATH of the configuration: must work when given, there is no silent fall-back from it. */
  readonly ffmpegPath?: string | undefined;
  readonly sources?: readonly MediaToolsSource[];
}

/**
 * Order: configured, system PATH, `ffmpeg-static` (when its binary was downloaded), the npm snapshots of 2018.
 * @throws MediaToolsMissingError when none works; its text says what was tried.
 */
export async function findMediaTools(options: FindMediaToolsOptions = {}): Promise<MediaTools> {
  const { ffmpegPath } = options;
  const wanted = options.sources ?? (ffmpegPath ? ['configured'] : ['system', 'ffmpeg-static', 'npm-2018']);
  const tried: string[] = [];
  for (const source of wanted) {
    const candidate = candidates(ffmpegPath).find((one) => one.source === source)!;
    const pair = await candidate.find();
    if (!pair) {
      tried.push(`${source}: not there`);
      continue;
    }
    try {
      return { ...(await inspect(pair, source)), ...(candidate.warning ? { warning: candidate.warning } : {}) };
    } catch (cause) {
      tried.push(`${source}: ${cause instanceof Error ? cause.message.split('\n')[0] : 'does not run'}`);
    }
  }
  throw new MediaToolsMissingError(
    `No usable ffmpeg was found (${tried.join('; ')}). Install ffmpeg 5 or newer with ffprobe, or set FFMPEG_PATH.`,
    { tried },
  );
}

function candidates(ffmpegPath: string | undefined): readonly Candidate[] {
  return [
    { source: 'configured', find: async () => beside(ffmpegPath) },
    { source: 'system', find: async () => beside(await onPath('ffmpeg')) },
    { source: 'ffmpeg-static', find: findStatic },
    { source: 'npm-2018', find: findSnapshots, warning: OLD_FFMPEG },
  ];
}

/** ffprobe is looked for beside ffmpeg first: two tools of different age disagree about side data. */
async function beside(ffmpeg: string | undefined): Promise<{ ffmpeg: string; ffprobe: string } | undefined> {
  if (ffmpeg === undefined || !isAbsolute(ffmpeg) || !(await isExecutable(ffmpeg))) return undefined;
  const near = join(dirname(ffmpeg), 'ffprobe');
  const ffprobe = (await isExecutable(near)) ? near : await onPath('ffprobe');
  return ffprobe === undefined ? undefined : { ffmpeg, ffprobe };
}

async function findStatic(): Promise<{ ffmpeg: string; ffprobe: string } | undefined> {
  const ffmpeg = await packagedBinary('ffmpeg-static', 'ffmpeg');
  if (ffmpeg === undefined) return undefined;
  const ffprobe = (await onPath('ffprobe')) ?? (await packagedBinary('@ffprobe-installer/linux-x64', 'ffprobe'));
  return ffprobe === undefined ? undefined : { ffmpeg, ffprobe };
}

async function findSnapshots(): Promise<{ ffmpeg: string; ffprobe: string } | undefined> {
  const ffmpeg = await packagedBinary('@ffmpeg-installer/linux-x64', 'ffmpeg');
  const ffprobe = await packagedBinary('@ffprobe-installer/linux-x64', 'ffprobe');
  return ffmpeg === undefined || ffprobe === undefined ? undefined : { ffmpeg, ffprobe };
}

async function packagedBinary(name: string, file: string): Promise<string | undefined> {
  let path: string;
  try {
    path = join(dirname(require.resolve(`${name}/package.json`)), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  if (await isExecutable(path)) return path;
  // Install scripts are off (.npmrc), and it is the install script of @ffprobe-installer that sets the executable bit.
  try {
    await chmod(path, 0o755);
  } catch (error) {
    if (['ENOENT', 'EPERM', 'EROFS', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  return path;
}

async function onPath(program: string): Promise<string | undefined> {
  for (const dir of (bareEnvironment()['PATH'] ?? '').split(delimiter)) {
    if (isAbsolute(dir) && (await isExecutable(join(dir, program)))) return join(dir, program);
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function inspect(pair: { ffmpeg: string; ffprobe: string }, source: MediaToolsSource): Promise<MediaTools> {
  const ask = async (program: string, flag: string): Promise<string> =>
    (await run(program, ['-hide_banner', flag], { env: bareEnvironment(), timeout: 20_000, maxBuffer: 4 << 20 })).stdout;
  const version = /^ffmpeg version (\S+)/.exec(await ask(pair.ffmpeg, '-version'))?.[1] ?? 'unknown';
  await ask(pair.ffprobe, '-version');
  const filters = names(await ask(pair.ffmpeg, '-filters'));
  return {
    ...pair,
    version,
    major: Number(/^n?(\d+)\./.exec(version)?.[1] ?? 4),
    source,
    hasZscale: filters.includes('zscale'),
    hasTonemap: filters.includes('tonemap'),
    encoders: names(await ask(pair.ffmpeg, '-encoders')),
    decoders: names(await ask(pair.ffmpeg, '-decoders')),
  };
}

/** Second column of ffmpeg's capability tables. */
const names = (table: string): string[] => table.split('\n').flatMap((line) => /^ [A-Z.]{2,6} ([\w-]+) /.exec(line)?.[1] ?? []);
