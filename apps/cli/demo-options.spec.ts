import { expect, it } from 'vitest';
import { parseDemoOptions } from './demo-options.ts';

it('has defaults for everything', () => {
  expect(parseDemoOptions([])).toEqual({ out: 'demo-out', seed: 1, seconds: 30, preset: 'cpu-256', impostor: false });
});

it.each([
  ['footage without a consent clip', ['--video', 'v.mp4'], /--consent-video/],
  ['a consent clip without footage', ['--consent-video', 'c.mp4'], /--video/],
  ['an impostor among real clips', ['--video', 'v', '--consent-video', 'c', '--impostor'], /two people/],
  ['an unknown option', ['--nope'], /nope/],
  ['a stray word', ['hello'], /hello/],
  ['a seed that is no number', ['--seed', 'x'], /whole number/],
  ['too few seconds', ['--seconds', '3'], /20 to 180/],
  ['the GPU preset, which is not built', ['--preset', 'gpu-512'], /not built/],
])('refuses %s', (_name, args, message) => {
  expect(() => parseDemoOptions(args)).toThrow(message);
});
