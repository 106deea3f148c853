import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** One page: `vite build --mode consent`. A page is a build of its own, so that it loads one script and one style sheet, no shared rest. */
const ENTRIES: Readonly<Record<string, string>> = {
  home: 'index.html',
  consent: 'consent/index.html',
  verify: 'verify/index.html',
};

/**
 * Everything is a file with its hash in the name: the pages are served under a policy that allows no inline script or style, and each
 * language's catalog is a file of its own that is fetched alone.
 */
export default defineConfig(({ mode }) => ({
  root: here('.'),
  base: '/',
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment' } },
  build: {
    // scripts/build-web.mjs says where.
    emptyOutDir: false,
    // Browsers since 2022 (Safari 15.4, Chrome 99). Older targets turn private methods into weak maps: 3 KB of brotli.
    target: 'es2022',
    cssTarget: 'safari15.4',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: here(ENTRIES[mode]!) },
  },
}));
