// What both commands do first: check Node, install what is missing, build. No dependency: it runs before there is a node_modules.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(fileURLToPath(import.meta.url), '../..');

const onPath = (program) => (process.env.PATH ?? '').split(delimiter).some((dir) => dir && existsSync(join(dir, program)));

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`Assent needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** `npm ci` when the lock file changed since the last one. Install scripts stay off (.npmrc). */
function installPackages() {
  const stamp = join(root, 'node_modules/.assent-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing packages (npm ci) …');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const done = spawnSync(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (done.status !== 0) {
    console.error('npm ci failed; see its message above.');
    process.exit(1);
  }
  writeFileSync(stamp, lock);
}

/**
 * As root on Debian: ffmpeg (a maintained decoder) and bubblewrap (the strong sandbox). Without them the demo still runs, on the
 * decoder of 2018 from npm and a weaker sandbox, and says so.
 */
function installDebianPackages(wanted, allowed) {
  const missing = Object.entries(wanted)
    .filter(([program]) => !onPath(program))
    .flatMap(([, names]) => names.split(' '));
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return;
  if (!allowed) {
    console.log(`Not installing ${missing.join(', ')}: --no-apt.`);
    return;
  }
  console.log(`Running as root: installing Debian's ${missing.join(', ')} (forbid with --no-apt) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' };
  spawnSync('apt-get', ['update', '-qq'], options);
  const done = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], options);
  if (done.status !== 0)
    console.warn(`apt-get could not install them; going on without. ${(done.stderr ?? '').trim().split('\n').at(-1)}`);
}

/** Only the tests open a browser; its fonts draw the Hindi pages. Without it those tests are skipped, and say so. */
const BROWSER = { chromium: 'chromium fonts-noto-core' };

export async function setup({ apt, browser = false }) {
  checkNode();
  installPackages();
  installDebianPackages({ ffmpeg: 'ffmpeg', bwrap: 'bubblewrap' }, apt);
  if (browser) installDebianPackages(BROWSER, apt);
  const { build } = await import('./build.mjs');
  if (build()) console.log('Built.');
}
