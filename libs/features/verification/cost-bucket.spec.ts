import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CostBuckets, networkOf } from './cost-bucket.ts';

describe('what an address may cost', () => {
  it('one heavy file is served, the next one waits until the debt is worked off', () => {
    let now = 0;
    const buckets = new CostBuckets({ capacity: 10, refill: 0.5 }, () => now);
    expect(buckets.waitSeconds('192.0.2.1')).toBe(0);
    buckets.charge('192.0.2.1', 30);
    expect(buckets.waitSeconds('192.0.2.1')).toBeCloseTo(40, 1);
    expect(buckets.waitSeconds('192.0.2.2')).toBe(0);
    now = 41;
    expect(buckets.waitSeconds('192.0.2.1')).toBe(0);
  });

  it('nobody saves up more than the capacity, and over any time nobody gets more than capacity and refill', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ pause: fc.double({ min: 0, max: 50, noNaN: true }), cost: fc.double({ min: 0, max: 20, noNaN: true }) }),
        ),
        (asked) => {
          let now = 0;
          let spent = 0;
          let last = 0;
          const buckets = new CostBuckets({ capacity: 10, refill: 0.5 }, () => now);
          for (const { pause, cost } of asked) {
            now += pause;
            if (buckets.waitSeconds('a') > 0) continue;
            buckets.charge('a', cost);
            spent += cost;
            last = cost;
          }
          expect(spent).toBeLessThanOrEqual(10 + now * 0.5 + last + 1e-6);
        },
      ),
    );
  });

  it('what was reserved too much comes back', () => {
    const buckets = new CostBuckets({ capacity: 10, refill: 0.5 }, () => 0);
    buckets.charge('a', 10);
    expect(buckets.waitSeconds('a')).toBeGreaterThan(0);
    buckets.charge('a', -9);
    expect(buckets.waitSeconds('a')).toBe(0);
  });

  it('an IPv6 holder is one network, however the address is written', () => {
    expect(networkOf('2001:db8::1')).toBe(networkOf('2001:0db8:0:0:ffff::9'));
    expect(networkOf('2001:db8::1')).not.toBe(networkOf('2001:db8:0:1::1'));
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
    expect(networkOf('192.0.2.1')).toBe('192.0.2.1');
  });
});
