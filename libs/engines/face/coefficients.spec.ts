import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { COEFFICIENTS } from './coefficients.ts';
import { POSE_RANGES, TORSO_RANGES } from './drive-codec.ts';
import { MEASURES } from './measures.ts';

describe('docs/coefficients.md', () => {
  const text = readFileSync(shipped('docs', 'coefficients.md'), 'utf8');

  it('documents every number that drives a replica, and no other', () => {
    const rows = [...text.matchAll(/^\| `([a-zA-Z]+)` \| .+ \| 0\.\.1 \|/gm)].map(([, name]) => name);
    expect(rows).toEqual([...COEFFICIENTS]);
    for (const key of Object.keys(POSE_RANGES)) expect(text).toContain(`\`pose.${key}\``);
    for (const key of Object.keys(TORSO_RANGES)) expect(text).toContain(`\`torso.${key}\``);
  });

  it('states the ranges that the codec keeps', () => {
    for (const key of ['pitch', 'yaw', 'roll'] as const) {
      const [lo, hi] = POSE_RANGES[key];
      expect(text).toMatch(new RegExp(`\`pose\\.${key}\`.*${lo}\\.\\.${hi}`));
    }
    expect(text).toMatch(new RegExp(`pose\\.scale\`.*${POSE_RANGES.scale[0]}\\.\\.${POSE_RANGES.scale[1]}`));
  });

  it('names every landmark measure', () => {
    for (const name of MEASURES) expect(text).toContain(name.replace(/[LR]$/, ''));
  });
});
