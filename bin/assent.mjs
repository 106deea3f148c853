#!/usr/bin/env node
// The `assent` command. Built by `npm run build`; both npm commands build first.
import { existsSync } from 'node:fs';

const main = new URL('../dist/apps/cli/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('assent is not built yet: run `npm run build` once.');
  process.exit(1);
}
await import(main.href);
