import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, both when running from `dist` and from the TypeScript sources in tests. */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

/** A file that the package ships (`models/…`, `assets/…`). */
export const shipped = (...parts: string[]): string => join(packageRoot(), ...parts);

/**
 * A file that `npm run build` makes: entry points of child processes and worker threads, WASM kernels.
 * Child processes always run the built JavaScript, also when their parent is a test that runs TypeScript.
 */
export const built = (...parts: string[]): string => join(packageRoot(), 'dist', ...parts);
