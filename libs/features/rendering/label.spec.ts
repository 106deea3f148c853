import { expect, it } from 'vitest';
import { drawLabel, labelText } from './label.ts';

it('says AI in capitals, and DEMO where it is one', () => {
  expect(labelText(false)).toContain('AI');
  expect(labelText(true)).toMatch(/^DEMO.*AI/);
});

it('is readable on white and on black, at the top right, and leaves the rest alone', () => {
  for (const background of [0, 255]) {
    const picture = new Uint8Array(256 * 256 * 3).fill(background);
    drawLabel(picture, 256, 256, labelText(true));
    const row = (y: number, from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, x) => picture[3 * (y * 256 + from + x)]!);
    const inBand = [4, 5, 6, 7, 8].flatMap((y) => row(y, 140, 256));
    expect(Math.max(...inBand)).toBeGreaterThan(200);
    expect(Math.min(...inBand)).toBeLessThan(80);
    expect(row(40, 0, 256).every((value) => value === background)).toBe(true);
    expect(row(5, 0, 100).every((value) => value === background)).toBe(true);
  }
});

it('is at least 5 % of the short side high at any size', () => {
  for (const side of [256, 512, 1080]) {
    const picture = new Uint8Array(side * side * 3).fill(255);
    drawLabel(picture, side, side, labelText(true));
    let height = 0;
    while (picture[3 * (height * side + side - 1)]! < 255) height++;
    expect(height).toBeGreaterThanOrEqual(0.05 * side);
  }
});

it('refuses a picture that it does not fit into, and a letter it does not have', () => {
  expect(() => drawLabel(new Uint8Array(40 * 40 * 3), 40, 40, labelText(true))).toThrow(/does not fit/);
  expect(() => drawLabel(new Uint8Array(256 * 256 * 3), 256, 256, 'ZZ')).toThrow(/no "Z"/);
});
