// npm start: installs what is missing, builds, then keeps the whole platform up (apps/start) until Ctrl-C.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const args = process.argv.slice(2);
await setup({ apt: !args.includes('--no-apt') });

const child = spawn(
  process.execPath,
  ['--enable-source-maps', join(root, 'dist/apps/start/main.js'), ...args.filter((arg) => arg !== '--no-apt')],
  { cwd: root, stdio: 'inherit' },
);
// A Ctrl-C in a terminal reaches the child by itself; a signal sent to us alone is passed on. We end when the child has stopped everything.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
