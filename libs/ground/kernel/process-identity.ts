import { readFileSync } from 'node:fs';

/**
 * When a process started (clock ticks since boot, Linux); elsewhere only that it lives. Undefined: there is no such process.
 * A process id alone names nobody for long: ids are used again.
 */
export function processStart(pid: number): string | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  try {
    // Field 22 of proc(5) stat; the name in parentheses before it may hold spaces and parentheses.
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]!;
  } catch (error) {
    if (process.platform === 'linux') {
      if (!isGone(error)) throw error;
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
    return 'unknown';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : 'unknown';
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
