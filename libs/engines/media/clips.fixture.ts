import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bareEnvironment } from '#kernel';
import type { MediaTools } from './media-tools.ts';

/** A folder of synthetic clips for one spec file, made by ffmpeg's own test sources. */
export class ClipFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'assent-clips-'));
  constructor(readonly tools: MediaTools) {}

  at(name: string): string {
    return join(this.path, name);
  }

  /** Runs ffmpeg on trusted arguments; relative names are files of this folder. @returns the path of the last one. */
  make(args: string): string {
    const parts = args.split(' ');
    const out = parts.at(-1)!;
    const done = spawnSync(this.tools.ffmpeg, ['-v', 'error', '-nostdin', '-y', ...parts], {
      cwd: this.path,
      env: bareEnvironment(),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    if (done.status !== 0) throw new Error(`fixture ${out}: ${done.stderr}`);
    return this.at(out);
  }

  /** T.mp4 of cases.md: test picture and tone, index at the end, B pictures, edit list. */
  testClip(name = 'T.mp4', seconds = 4): string {
    return this.make(
      `-f lavfi -i testsrc2=s=640x360:r=25:d=${seconds} -f lavfi -i sine=f=440:d=${seconds} -c:v libx264 -preset ultrafast -g 50 -bf 2 -pix_fmt yuv420p -c:a aac -shortest ${name}`,
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Command lines of processes, zombies included, that `match` (a folder of ours) still occurs in, or that are children of ours. */
export function leftovers(match: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    let stat: string;
    let command: string;
    try {
      stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      continue; // it ended while we looked
    }
    const [name, rest] = [stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')), stat.slice(stat.lastIndexOf(')') + 2)];
    const [state, parent] = rest.split(' ');
    const ours = Number(parent) === process.pid && /^(ff|bwrap|unshare|prlimit)/.test(name);
    if (ours || command.includes(match)) found.push(`${entry} ${state} ${name} ${command}`);
  }
  return found;
}
