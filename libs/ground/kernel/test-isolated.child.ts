import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidInputError } from './domain-error.ts';
import { answerIsolated } from './isolated-child.ts';

/** The isolated child of this room's tests: it tells what it can see and reach, and ends in every way a child can end. */
export type TestRequest =
  | { act: 'look' }
  | { act: 'connect'; port: number }
  | { act: 'double'; values: Float64Array }
  | { act: 'refuse' }
  | { act: 'break' }
  | { act: 'exit'; withChild: boolean }
  | { act: 'spawn-and-wait' };

/** A process that outlives us, by two minutes, unless somebody ends our whole group. */
const grandchild = (): number => spawn(process.execPath, ['-e', 'setTimeout(() => {}, 120_000)'], { stdio: 'ignore' }).pid!;

const reach = (port: number): Promise<string> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });

answerIsolated<TestRequest, unknown, unknown>(async (request, progress) => {
  switch (request.act) {
    case 'look':
      return { environment: spawnSync('env', { encoding: 'utf8' }).stdout.trim().split('\n'), argv: process.argv.slice(2) };
    case 'connect':
      return reach(request.port);
    case 'double':
      progress({ stage: 'doubling', of: request.values.length });
      return request.values.map((value) => value * 2);
    case 'refuse':
      throw new InvalidInputError('Film in better light.', [{ pointer: '/video', detail: 'dark' }]);
    case 'break':
      throw new TypeError('a bug of the child');
    case 'exit':
      console.error('out of memory, or so');
      if (request.withChild) progress({ grandchild: grandchild() });
      await sleep(100); // so that the progress is on its way
      process.exit(3);
      break;
    case 'spawn-and-wait':
      progress({ grandchild: grandchild() });
      await sleep(600_000);
  }
  return undefined;
});
