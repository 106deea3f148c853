import { expect, it } from 'vitest';
import { benchWatermark } from './watermark-bench.ts';

it('the bench reads its own marks back and names a unit for every figure', async () => {
  const figures = await benchWatermark({ frames: 3, searchBudgetMs: 0 });
  expect(figures).toHaveLength(10);
  for (const { value, unit } of figures) {
    expect(value).toBeGreaterThan(0);
    expect(unit).toMatch(/CPU ms|dB/);
  }
});
