import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#kernel';
import { readC2pa } from './read-c2pa.ts';

/** Pictures with planted faults, kept outside the repository for their licence (CC BY-SA 4.0). */
const CORPUS = resolve(packageRoot(), '../shared/corpora/c2pa-jpeg');
const here = existsSync(join(CORPUS, 'expected.json'));
const files = here
  ? Object.entries((JSON.parse(readFileSync(join(CORPUS, 'expected.json'), 'utf8')) as { files: Record<string, { meaning: string; assent_state: string }> }).files)
  : []; // prettier-ignore

describe('the public C2PA test files', () => {
  it.skipIf(!here)('are read whole (skipped where ../shared/corpora/c2pa-jpeg is not on the machine)', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s', async (name, { meaning, assent_state }) => {
    const report = await readC2pa(join(CORPUS, name), { claimRootsPem: '', tsaRootsPem: '' });
    expect(report.state, meaning).toBe(assent_state.replace('_', '-'));
  });
});
