import { spawn, spawnSync } from 'node:child_process';
import { bareEnvironment } from './config.ts';
import { DomainError } from './domain-error.ts';

/** Messages of a child: progress any number of times, then exactly one result or failure. */
type ChildMessage<P, R> =
  | { type: 'progress'; value: P }
  | { type: 'result'; value: R }
  | {
      type: 'failure';
      slug?: string;
      status?: number;
      title?: string;
      detail: string;
      members?: Record<string, unknown>;
      stack?: string;
    };

/** A refusal that a child process threw, brought over with its slug. */
export class ChildRefusal extends DomainError {
  constructor(
    override readonly problem: { slug: string; status: number; title: string },
    detail: string,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail, members);
  }
}

export interface IsolatedRun<P> {
  readonly onProgress?: (value: P) => void;
  /** Aborting kills the child and everything it started. */
  readonly signal?: AbortSignal;
}

const running = new Set<() => void>();

/** Ends every isolated child at once: for a process that is told to stop and must leave no plaintext being written. */
export function killIsolatedChildren(): void {
  for (const kill of running) kill();
}

/**
 * Runs one request in a Node process of its own: without our environment, without secrets and, where the kernel lets us open a
 * network namespace, without a network (DESIGN rule 3). The child speaks structured clone, so typed arrays travel as they are.
 * @throws ChildRefusal for a refusal of the child; Error for a crash; the signal's reason when aborted.
 */
export function runIsolated<Q, R, P = unknown>(entry: string, request: Q, options: IsolatedRun<P> = {}): Promise<R> {
  const { signal, onProgress } = options;
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise<R>((done, fail) => {
    const [program, args] = withoutNetwork(process.execPath, ['--enable-source-maps', entry]);
    // Its own process group, so that an abort also ends the ffmpeg it may be running.
    const child = spawn(program, args, {
      env: bareEnvironment(),
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      serialization: 'advanced',
      detached: true,
    });
    let stderr = '';
    let settled = false;
    // When the child ends by itself, what it started is still in its group, and may be writing plaintext. Once only: from then on the
    // number may belong to somebody else.
    let ended = false;
    const killGroup = (): void => {
      if (child.pid === undefined || ended) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    };
    const finish = (settle: () => void): void => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener('abort', onAbort);
      process.off('exit', killGroup);
      running.delete(killGroup);
      killGroup();
      settle();
    };
    const onAbort = (): void => finish(() => fail(signal!.reason as Error));
    signal?.addEventListener('abort', onAbort, { once: true });
    process.once('exit', killGroup);
    running.add(killGroup);
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
    child.on('message', (message: ChildMessage<P, R>) => {
      switch (message.type) {
        case 'progress':
          try {
            onProgress?.(message.value);
          } catch (error) {
            finish(() => fail(error as Error)); // the listener's throw is the caller's, not the process's
          }
          break;
        case 'result':
          finish(() => done(message.value));
          break;
        case 'failure':
          finish(() => fail(childFailure(message)));
          break;
      }
    });
    child.on('error', (error) => finish(() => fail(error)));
    child.once('exit', () => {
      killGroup();
      ended = true;
    });
    // After `exit`, and after the last of stderr: a survivor that holds it would keep us waiting for ever.
    child.once('close', (code, by) =>
      finish(() =>
        fail(new Error(`the child process ended without a result (${by ?? `exit ${code}`}): ${stderr.trim().slice(-1500)}`)),
      ),
    );
    try {
      child.send(request as object, (error) => {
        // The child is gone or will not listen: `close` tells why, with its last words.
        if (error) child.kill('SIGKILL');
      });
    } catch (error) {
      finish(() => fail(error as Error)); // the request cannot be cloned
    }
  });
}

function childFailure(message: Extract<ChildMessage<never, never>, { type: 'failure' }>): Error {
  if (message.slug === undefined) {
    const bug = new Error(message.detail);
    if (message.stack !== undefined) bug.stack = message.stack;
    return bug;
  }
  return new ChildRefusal(
    { slug: message.slug, status: message.status ?? 422, title: message.title ?? message.slug },
    message.detail,
    message.members,
  );
}

/** The child's side: answers the one request it gets, then ends. */
export function answerIsolated<Q, R, P = unknown>(work: (request: Q, progress: (value: P) => void) => Promise<R>): void {
  const send = (message: ChildMessage<P, R>): void => void process.send!(message);
  // The parent is gone: nobody will read the result, and nobody else will stop us.
  process.once('disconnect', () => process.exit(1));
  process.once('message', (request: Q) => {
    work(request, (value) => send({ type: 'progress', value })).then(
      (value) => send({ type: 'result', value }),
      (error: unknown) => {
        if (error instanceof DomainError)
          send({ type: 'failure', ...error.problem, detail: error.message, members: { ...error.members } });
        else
          send({
            type: 'failure',
            detail: String(error),
            ...(error instanceof Error && error.stack ? { stack: error.stack } : {}),
          });
      },
    );
  });
}

let networkWrapper: string[] | undefined;

/** Prefixes the program with the first `unshare` form that this kernel allows; nothing where it allows none. */
function withoutNetwork(program: string, args: string[]): [string, string[]] {
  networkWrapper ??= [
    ['unshare', '--user', '--map-current-user', '--net'],
    ['unshare', '--net'],
  ].find(([command, ...flags]) => spawnSync(command!, [...flags, 'true'], { stdio: 'ignore' }).status === 0) ?? []; // prettier-ignore
  if (networkWrapper.length === 0) return [program, args];
  return [networkWrapper[0]!, [...networkWrapper.slice(1), program, ...args]];
}

/** Whether isolated children run without a network here: the demo and `doctor` say so. */
export const childrenHaveNoNetwork = (): boolean => withoutNetwork('true', [])[0] !== 'true';
