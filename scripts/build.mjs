// Compiles TypeScript and the AssemblyScript kernels into dist/. Skips what has not changed: both commands call it each time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../..');

const walk = (dir, keep) =>
  readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(dir, entry.name);
    return entry.isDirectory() ? walk(path, keep) : keep(entry.name) ? [path] : [];
  });

const digest = (files) => {
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
};

/** Runs `make` unless `stamp` says that the same inputs were built before. */
function unlessUnchanged(stamp, files, make) {
  const path = join(root, 'dist', stamp);
  const now = digest(files);
  if (existsSync(path) && readFileSync(path, 'utf8') === now) return false;
  make();
  writeFileSync(path, now);
  return true;
}

function run(program, args) {
  const done = spawnSync(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`${basename(program)} failed`);
}

export function build() {
  mkdirSync(join(root, 'dist/kernels'), { recursive: true });
  // Every `name.as.ts` is one AssemblyScript module → dist/kernels/name.wasm.
  // Host buffers must start above its static data (64 KiB): below lie the tables of Math.log.
  for (const kernel of walk('libs', (name) => name.endsWith('.as.ts'))) {
    const name = basename(kernel, '.as.ts');
    unlessUnchanged(`kernels/${name}.stamp`, [kernel], () =>
      run('assemblyscript/bin/asc.js', [
        kernel,
        '-o',
        `dist/kernels/${name}.wasm`,
        '-O3',
        '--converge',
        '--enable',
        'simd',
        '--runtime',
        'stub',
        '--importMemory',
        '--noAssert',
      ]),
    );
  }
  const pages = buildPages();
  const sources = ['apps', 'libs', 'migrations', 'test'].flatMap((dir) =>
    walk(dir, (name) => name.endsWith('.ts') && !name.endsWith('.as.ts')),
  );
  const code = unlessUnchanged('typescript.stamp', [...sources, 'tsconfig.json', 'package-lock.json'], () =>
    run('typescript/bin/tsc', ['-p', 'tsconfig.json']),
  );
  return code || pages;
}

/** The consent and verify pages → dist/web. No browser is needed to build them. */
function buildPages() {
  const sources = walk('apps/web', (name) => /\.(tsx?|css|html|json|svg)$/.test(name) && !name.endsWith('.spec.ts'));
  return unlessUnchanged('web.stamp', [...sources, 'scripts/build-web.mjs', 'package-lock.json'], () =>
    run('../scripts/build-web.mjs', []),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
