import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameTiming, parsePackets } from './frame-timing.ts';

const at = (times: number[]): { time: number }[] => times.map((time) => ({ time }));

describe('frameTiming', () => {
  it('counts a constant rate as constant, also in whole milliseconds', () => {
    for (const fps of [24, 25, 29.97, 30, 60, 120, 240]) {
      const times = Array.from({ length: 200 }, (_, i) => Math.round((i * 1000) / fps) / 1000);
      const timing = frameTiming(at(times))!;
      expect(timing.variableFrameRate, `${fps}`).toBe(false);
      expect(timing.frameRate.mean).toBeCloseTo(fps, 0);
    }
  });

  it('finds one dropped picture at any rate', () => {
    for (const fps of [24, 30, 60, 120, 240]) {
      const times = Array.from({ length: 100 }, (_, i) => i / fps).filter((_, i) => i !== 50);
      expect(frameTiming(at(times))!.variableFrameRate, `${fps}`).toBe(true);
    }
  });

  it('does not depend on the order of packets and never yields NaN, zero or infinity', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 500, noNaN: true }), { minLength: 1, maxLength: 60 }), (times) => {
        const timing = frameTiming(at(times))!;
        expect(timing).toEqual(frameTiming(at(times.toReversed())));
        for (const value of [timing.duration, timing.frameRate.mean, timing.frameRate.min, timing.frameRate.max])
          expect(Number.isFinite(value) && value > 0).toBe(true);
      }),
    );
  });

  it('gives a last picture without a duration the usual step', () => {
    expect(frameTiming(at([0.5, 0.54, 0.58]))!.duration).toBeCloseTo(0.12);
    expect(frameTiming([])).toBeUndefined();
  });
});

it('leaves out what the edit list hides and what has no time', () => {
  expect(parsePackets('-0.04,0.04,KD_\n0.0,0.04,K__\nN/A,0.04,__\n0.04,N/A,__\n')).toEqual([
    { time: 0, duration: 0.04 },
    { time: 0.04 },
  ]);
});
