import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { bareEnvironment } from '#kernel';
import type { ProcessLimits } from './media-budget.ts';
import { DECODE_LIMITS } from './media-budget.ts';
import { MediaToolsMissingError } from './media.errors.ts';

export type SandboxTier = 'bubblewrap' | 'namespaces' | 'rlimits';

/** Host paths a program may see. The sandbox shows nothing else of the machine but system libraries (tier bubblewrap). */
export interface SandboxPaths {
  readonly readOnly?: readonly string[];
  readonly writable?: readonly string[];
  readonly limits?: ProcessLimits;
}

/** A way to start a program that meets untrusted bytes. */
export interface Sandbox {
  readonly tier: SandboxTier;
  /** Whether the program can open a connection: false in tiers bubblewrap and namespaces. */
  readonly hasNetwork: boolean;
  /** A sentence for the operator when this is not the best tier. */
  readonly warning?: string;
  wrap(
    program: string,
    args: readonly string[],
    paths: SandboxPaths,
  ): { readonly program: string; readonly args: readonly string[] };
}

/** System folders that a dynamically linked program needs; `/etc/alternatives` holds Debian's BLAS links. */
const LIBRARIES = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/etc/alternatives', '/etc/ld.so.cache'];

/** Since Linux 5.14 a user namespace counts its own processes; before, RLIMIT_NPROC would count the whole account. */
const countsPerNamespace = (): boolean => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 5 || (major === 5 && minor >= 14);
};

const TIERS: Readonly<Record<SandboxTier, () => Sandbox | undefined>> = {
  bubblewrap() {
    const bwrap = findProgram('bwrap');
    const prlimit = findProgram('prlimit');
    if (!bwrap || !prlimit) return undefined;
    return {
      tier: 'bubblewrap',
      hasNetwork: false,
      wrap(program, args, { readOnly = [], writable = [], limits = DECODE_LIMITS }) {
        const binds = [...LIBRARIES, prlimit].flatMap((path) => ['--ro-bind-try', path, path]);
        const shown = [program, ...readOnly].flatMap((path) => ['--ro-bind', path, path]);
        const open = writable.flatMap((path) => ['--bind', path, path]);
        return {
          program: bwrap,
          // The empty /tmp comes first: what is shown may lie in the real one. `--new-session`: no ioctl reaches our terminal. `--die-with-parent`: a killed worker leaves no decoder behind.
          args: [
            '--unshare-all', '--die-with-parent', '--new-session', '--tmpfs', '/tmp', ...binds, ...shown, ...open,
            '--dev', '/dev', '--chdir', '/', '--', prlimit, ...limitFlags(limits, countsPerNamespace()), '--', program, ...args,
          ], // prettier-ignore
        };
      },
    };
  },
  namespaces() {
    const unshare = findProgram('unshare');
    const prlimit = findProgram('prlimit');
    if (!unshare || !prlimit) return undefined;
    return {
      tier: 'namespaces',
      hasNetwork: false,
      warning:
        'bubblewrap is not usable here: video tools run without a network and with limits, but can read files of this account. Install bubblewrap.',
      wrap: (program, args, { limits = DECODE_LIMITS }) => ({
        program: unshare,
        args: [
          '--user', '--net', '--pid', '--ipc', '--fork', '--kill-child', prlimit, ...limitFlags(limits, countsPerNamespace()),
          '--', program, ...args,
        ], // prettier-ignore
      }),
    };
  },
  rlimits() {
    const prlimit = findProgram('prlimit');
    if (!prlimit) return undefined;
    return {
      tier: 'rlimits',
      hasNetwork: true,
      warning:
        'Neither bubblewrap nor namespaces are usable here: video tools only have limits on memory, time and files. Fit for your own clips, not for uploads.',
      // Without a namespace the process count is that of the whole account: no limit on it here.
      wrap: (program, args, { limits = DECODE_LIMITS }) => ({
        program: prlimit,
        args: [...limitFlags(limits, false), '--', program, ...args],
      }),
    };
  },
};

const ORDER: readonly SandboxTier[] = ['bubblewrap', 'namespaces', 'rlimits'];

/**
 * The best sandbox that works here, tried by really starting a program. `auto` takes any; a named tier is the least that is
 * accepted, so production sets `bubblewrap` or `namespaces` and is refused rather than weakened.
 * @throws MediaToolsMissingError when no tier of at least that strength works.
 */
export function chooseSandbox(least: 'auto' | SandboxTier = 'auto'): Sandbox {
  const accepted = least === 'auto' ? ORDER : ORDER.slice(0, ORDER.indexOf(least) + 1);
  for (const tier of accepted) {
    const sandbox = findSandbox(tier);
    if (sandbox) return sandbox;
  }
  throw new MediaToolsMissingError(
    `No sandbox for untrusted video works here (tried ${accepted.join(', ')}). Install bubblewrap, or allow unprivileged user namespaces.`,
    { tried: accepted },
  );
}

/** Exactly this tier, or undefined where it does not work: `doctor` and the tests ask each of them. */
export function findSandbox(tier: SandboxTier): Sandbox | undefined {
  const sandbox = TIERS[tier]();
  const prlimit = findProgram('prlimit');
  if (!sandbox || !prlimit) return undefined;
  const trial = sandbox.wrap(prlimit, ['--version'], {});
  const { status } = spawnSync(trial.program, trial.args, { env: bareEnvironment(), stdio: 'ignore', timeout: 10_000 });
  return status === 0 ? sandbox : undefined;
}

function limitFlags(limits: ProcessLimits, countProcesses: boolean): string[] {
  const flags = [
    `--as=${limits.addressSpace}`,
    // SIGXCPU one second before SIGKILL: the reason can then be told apart from other kills.
    `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + 1}`,
    `--fsize=${limits.fileSize}`,
    '--nofile=64',
    '--core=0',
  ];
  return countProcesses ? [...flags, '--nproc=128'] : flags;
}

function findProgram(name: string): string | undefined {
  return (bareEnvironment()['PATH'] ?? '/usr/bin:/bin')
    .split(delimiter)
    .filter((dir) => isAbsolute(dir))
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}
