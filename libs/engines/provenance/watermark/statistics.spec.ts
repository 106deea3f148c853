import { describe, expect, it } from 'vitest';
import { ChipLayout } from './chip-layout.ts';
import { ChipReader } from './chip-reader.ts';
import { drawnClip, uniform } from './drawn-clip.fixture.ts';
import { identity } from './geometry.ts';
import { log10Chance, log10Tail } from './statistics.ts';
import { SumMap, workingLuma } from './sum-map.ts';

describe('the normal tail', () => {
  it('agrees with tables', () => {
    for (const [z, p] of [[1, 0.158655], [1.6449, 0.05], [3, 0.0013499], [6, 9.8659e-10], [10, 7.6199e-24]] as const)
      expect(log10Tail(z)).toBeCloseTo(Math.log10(p), 3); // prettier-ignore
  });

  it('is no evidence below one deviation, and for no number', () => {
    for (const z of [-5, 0, 0.9, Number.NaN]) expect(log10Tail(z)).toBe(0);
  });

  it('pays for every look, and never promises more than certainty', () => {
    expect(log10Chance(6, 1e6)).toBeCloseTo(-3.006, 2);
    expect(log10Chance(2, 1e9)).toBe(0);
  });
});

describe('unmarked pictures', () => {
  it('score like N(0, 1) on the synchronisation chips: 600 keyed looks at 6 clips', () => {
    const random = uniform(3);
    const scores: number[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const frames = drawnClip({ size: 192, frames: 3, seed });
      const working = frames.map(workingLuma);
      const map = new SumMap(working[0]!.width, working[0]!.height, 72);
      for (const { luma } of working) map.add(luma);
      map.whiten();
      for (let key = 0; key < 5; key++) {
        const reader = new ChipReader(map, new ChipLayout(Uint8Array.from({ length: 32 }, () => random() * 256)));
        for (let look = 0; look < 20; look++) {
          const spot = { dx: Math.round(80 * (random() - 0.5)), dy: Math.round(80 * (random() - 0.5)), flip: look % 2 === 1 };
          scores.push(reader.syncScore({ ...identity(72), ...spot }));
        }
      }
    }
    const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
    const deviation = Math.sqrt(scores.reduce((a, b) => a + (b - mean) ** 2, 0) / scores.length);
    expect(scores).toHaveLength(600);
    // Four standard errors: a p-value from these scores means what it says.
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(600));
    expect(deviation).toBeGreaterThan(0.89);
    expect(deviation).toBeLessThan(1.11);
    expect(Math.max(...scores.map(Math.abs))).toBeLessThan(4.6);
  });
});
