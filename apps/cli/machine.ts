import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** The machine in the words of a benchmark: no host name, nothing that identifies it. */
export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? process.arch}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;

/** CPU time of this process and of all its ended children, in ms: fit and ffmpeg run as children. Linux counts both in `stat`. */
export function cpuMs(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
    return ticks * 10; // USER_HZ is 100 on Linux
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
}
