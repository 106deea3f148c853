import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bareEnvironment } from '#kernel';

/** The independent judge of certificates and tokens, where it is installed. */
export const hasOpenssl = spawnSync('openssl', ['version'], { env: bareEnvironment() }).status === 0;
export const opensslReason = hasOpenssl ? '' : ' (skipped: openssl is not installed)';

/** openssl in a folder of its own. */
export class OpensslFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'assent-openssl-'));

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(join(this.path, name), content);
    return name;
  }

  read(name: string): Buffer {
    return readFileSync(join(this.path, name));
  }

  run(...args: string[]): { ok: boolean; out: string } {
    const done = spawnSync('openssl', args, { cwd: this.path, env: bareEnvironment(), encoding: 'utf8' });
    return { ok: done.status === 0, out: done.stdout + done.stderr };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Two years ago: for certificates that have expired by now. */
export const longAgo = (): Date => new Date(Date.now() - 730 * 86_400_000);
export const daysAfter = (date: Date, days: number): Date => new Date(date.getTime() + days * 86_400_000);

/** The bytes with one bit turned. */
export function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy;
}
