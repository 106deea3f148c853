import { defineConfig } from 'vitest/config';

const long = process.env['ASSENT_LONG_TESTS'] === '1';

export default defineConfig({
  resolve: { conditions: ['source', 'node'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    include: long ? ['{apps,libs,test}/**/*.long.spec.ts'] : ['{apps,libs,test}/**/*.spec.ts'],
    exclude: long ? [] : ['**/*.long.spec.ts'],
    globalSetup: ['libs/testing/vitest.global.ts'],
    setupFiles: ['libs/testing/vitest.setup.ts'],
    // Forked processes: natives (onnxruntime) and WASM memories are freed with their file.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default'],
  },
});
