import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headSquareOf } from './head-square.ts';

const size = fc.integer({ min: 64, max: 2000 });

describe('the head square', () => {
  it('is even, inside the picture and square, whatever the faces', () => {
    const faces = fc.array(
      fc.record({
        x: fc.double({ min: -200, max: 2000, noNaN: true }),
        y: fc.double({ min: -200, max: 2000, noNaN: true }),
        width: fc.double({ min: 10, max: 900, noNaN: true }),
        height: fc.double({ min: 10, max: 900, noNaN: true }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(size, size, faces, (width, height, boxes) => {
        const square = headSquareOf(boxes, width, height)!;
        for (const v of [square.x, square.y, square.size]) expect(v % 2).toBe(0);
        expect(square.x).toBeGreaterThanOrEqual(0);
        expect(square.y).toBeGreaterThanOrEqual(0);
        expect(square.x + square.size).toBeLessThanOrEqual(width);
        expect(square.y + square.size).toBeLessThanOrEqual(height);
        expect(square.size).toBeGreaterThan(0);
      }),
    );
  });

  it('holds hair, neck and shoulders of every picture of the clip', () => {
    const faces = [
      { x: 800, y: 300, width: 180, height: 200 },
      { x: 900, y: 340, width: 180, height: 200 },
    ];
    const { x, y, size: side } = headSquareOf(faces, 1920, 1080)!;
    expect(x).toBeLessThan(800 - 100);
    expect(x + side).toBeGreaterThan(1080 + 100);
    expect(y).toBeLessThan(300 - 90);
    expect(y + side).toBeGreaterThan(540 + 130);
    expect(side).toBeLessThan(800);
  });

  it('is nothing without a face', () => {
    expect(headSquareOf([], 640, 360)).toBeNull();
  });
});
