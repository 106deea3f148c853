import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { bareEnvironment } from '#kernel';
import type { Sandbox, SandboxPaths } from './sandbox.ts';

/** How a tool ended. `stderr` is its last 16 KiB: hostile files can make ffmpeg print without end. */
export interface ToolEnd {
  readonly code: number | null;
  /** Also recognised behind a wrapper, which reports 128 + signal as its own exit status. */
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** Lines that report a picture or packet which did not decode. */
  readonly damagedLines: number;
}

export interface ToolProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<ToolEnd>;
  /** Ends the tool; `ended` resolves once nothing of it is left. */
  kill(): void;
  /** Kills the tool and waits until nothing of it is left. Safe to call at any time, any number of times. */
  stop(): Promise<void>;
}

const STDERR_KEPT = 16_384;
const DAMAGE =
  /error while decoding|concealing \d+|corrupt decoded frame|decode_slice_header error|Invalid NAL|Invalid data found when processing input|decoding error|Failed to decode|non-existing PPS/i;

/** Starts a tool inside the sandbox, without our environment (DESIGN rule 3). */
export function startTool(
  sandbox: Sandbox,
  program: string,
  args: readonly string[],
  paths: SandboxPaths,
  stdio: StdioOptions = ['ignore', 'pipe', 'pipe'],
): ToolProcess {
  const wrapped = sandbox.wrap(program, args, paths);
  const child = spawn(wrapped.program, wrapped.args, { env: bareEnvironment(), stdio, cwd: '/' });
  let stderr = '';
  let line = '';
  let damagedLines = 0;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
    const lines = (line + text).split('\n');
    line = lines.pop()!.slice(-2000);
    damagedLines += lines.filter((one) => DAMAGE.test(one)).length;
  });
  const ended = new Promise<ToolEnd>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code, signal: signal ?? wrappedSignal(code), stderr, damagedLines }));
  });
  // A caller that stops early never looks at the end; its failure is then no news.
  ended.catch(() => undefined);
  const kill = (): void => killTool(child);
  const stop = async (): Promise<void> => {
    kill();
    child.stdout?.destroy();
    await ended.then(
      () => undefined,
      () => undefined,
    );
  };
  return { child, ended, kill, stop };
}

/**
 * Kills the innermost process, so that each wrapper reaps its child and ends by itself: a killed wrapper would leave a zombie
 * wherever process 1 does not reap, as in a container without an init. A wrapper that stays is killed after half a second and
 * takes its child with it (bubblewrap: --die-with-parent, unshare: --kill-child).
 */
function killTool(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  for (const pid of innermost(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended between the look and the kill.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 500);
  child.once('close', () => clearTimeout(timer));
}

function innermost(pid: number): number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
  } catch (error) {
    // Gone already, or a system without /proc: then the process itself is all that can be ended.
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return [pid];
    throw error;
  }
  return children.length === 0 ? [pid] : children.flatMap(innermost);
}

function wrappedSignal(code: number | null): NodeJS.Signals | null {
  if (code === null || code <= 128) return null;
  const found = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return found ? (found[0] as NodeJS.Signals) : null;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  /** More output than this stops the tool and sets `overflowed`. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ToolResult extends ToolEnd {
  readonly stdout: Buffer;
  readonly overflowed: boolean;
  readonly timedOut: boolean;
}

/**
 * Runs a tool to its end and keeps its output, up to a limit in bytes and in wall time.
 * @throws the signal's reason when aborted; otherwise reports, never throws, for how the tool ended.
 */
export async function runTool(
  sandbox: Sandbox,
  program: string,
  args: readonly string[],
  paths: SandboxPaths,
  { timeoutMs = 60_000, maxBytes = 8 << 20, signal }: RunOptions = {},
): Promise<ToolResult> {
  signal?.throwIfAborted();
  const tool = startTool(sandbox, program, args, paths);
  const chunks: Buffer[] = [];
  let size = 0;
  let overflowed = false;
  let timedOut = false;
  tool.child.stdout!.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) return void chunks.push(chunk);
    overflowed = true;
    tool.kill();
  });
  const timer = setTimeout(() => {
    timedOut = true;
    tool.kill();
  }, timeoutMs);
  const onAbort = (): void => tool.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await tool.ended;
    signal?.throwIfAborted();
    return { ...end, stdout: Buffer.concat(chunks), overflowed, timedOut };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
