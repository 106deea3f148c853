// npm run demo: installs what is missing, builds, then walks the whole road (apps/cli, command `demo`).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const args = process.argv.slice(2);
await setup({ apt: !args.includes('--no-apt') });

const child = spawn(
  process.execPath,
  ['--enable-source-maps', join(root, 'dist/apps/cli/main.js'), 'demo', ...args.filter((arg) => arg !== '--no-apt')],
  { cwd: process.env.INIT_CWD ?? process.cwd(), stdio: 'inherit' },
);
// A Ctrl-C in a terminal reaches the child by itself; a signal sent to us alone is passed on. We end when the child has cleaned up.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
