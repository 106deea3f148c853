// The pages: types, then one Vite build each, then a brotli copy beside every file. A process of its own: Vite keeps workers.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const root = join(fileURLToPath(import.meta.url), '../..');
const pages = join(root, 'dist/web');
// Built aside and moved in one piece: a server or a test that starts meanwhile finds whole pages.
const out = `${pages}.${process.pid}`;

const types = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'apps/web/tsconfig.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (types.status !== 0) process.exit(1);

// A vitest that starts a build would make it a development build.
process.env.NODE_ENV = 'production';
const { build } = await import('vite');
for (const mode of ['home', 'consent', 'verify'])
  await build({ configFile: join(root, 'apps/web/vite.config.ts'), mode, build: { outDir: out } });

for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (path.endsWith('.json')) writeFileSync(path, JSON.stringify(JSON.parse(readFileSync(path, 'utf8'))));
  if (entry.isFile()) writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
}
rmSync(pages, { recursive: true, force: true });
renameSync(out, pages);
