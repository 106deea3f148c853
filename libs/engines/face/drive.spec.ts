import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COEFFICIENTS, coefficientIndex } from './coefficients.ts';
import { type Drive, driveOf, neutralDrive } from './drive.ts';
import { decodeDriveTrack, encodeDriveTrack } from './drive-codec.ts';
import { DriveSmoother } from './drive-smoother.ts';
import { InvalidDriveTrackError } from './face.errors.ts';
import { OneEuro } from './one-euro.ts';
import type { Track } from './track.ts';

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const angle = fc.double({ min: -1, max: 1, noNaN: true });
const drive = (torso: boolean): fc.Arbitrary<Drive> =>
  fc.record({
    coefficients: fc.array(unit, { minLength: 52, maxLength: 52 }).map((v) => Float32Array.from(v)),
    pose: fc.record({
      pitch: angle,
      yaw: angle,
      roll: angle,
      x: unit,
      y: unit,
      scale: fc.double({ min: 0.05, max: 0.7, noNaN: true }),
    }),
    ...(torso && {
      torso: fc.record({ x: angle, y: angle, roll: angle, scale: fc.double({ min: 0.6, max: 1.5, noNaN: true }) }),
    }),
  });
const document = (): ReturnType<typeof encodeDriveTrack> =>
  encodeDriveTrack({ fps: 25, drives: [neutralDrive(), neutralDrive()] });

describe('the coefficient track', () => {
  it('comes back from JSON as it went in', () => {
    const tracks = fc.boolean().chain((torso) => fc.array(drive(torso), { minLength: 1, maxLength: 5 }));
    fc.assert(
      fc.property(tracks, (drives) => {
        const back = decodeDriveTrack(JSON.parse(JSON.stringify(encodeDriveTrack({ fps: 25, drives }))));
        expect(back.clamped).toEqual([]);
        expect(back.drives).toHaveLength(drives.length);
        back.drives.forEach((got, i) => {
          got.coefficients.forEach((v, k) => expect(v).toBeCloseTo(drives[i]!.coefficients[k]!, 5));
          for (const key of ['pitch', 'yaw', 'roll', 'x', 'y', 'scale'] as const)
            expect(got.pose[key]).toBeCloseTo(drives[i]!.pose[key], 5);
          expect(got.torso === undefined).toBe(drives[i]!.torso === undefined);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('clamps what is out of range, and says so by name', () => {
    const track = document();
    track.coefficients = { jawOpen: [0.5, 1.7], mouthPucker: [-0.2, 0.1] };
    track.pose.yaw = [0, -3];
    const { drives, clamped } = decodeDriveTrack(track);
    expect(drives[1]!.coefficients[coefficientIndex('jawOpen')]).toBe(1);
    expect(drives[0]!.coefficients[coefficientIndex('mouthPucker')]).toBe(0);
    expect(drives[1]!.pose.yaw).toBeCloseTo(-1.05, 6);
    expect(clamped).toEqual([
      { name: 'jawOpen', frames: 1, extreme: 1.7 },
      { name: 'mouthPucker', frames: 1, extreme: -0.2 },
      { name: 'pose.yaw', frames: 1, extreme: -3 },
    ]);
  });

  it.each<[string, (track: Record<string, unknown>) => unknown]>([
    ['a coefficient that does not exist', (t) => ({ ...t, coefficients: { latent0: [0, 0] } })],
    ['a member that is none of the format', (t) => ({ ...t, pixels: [1, 2] })],
    ['a column of another length', (t) => ({ ...t, coefficients: { jawOpen: [0.1] } })],
    ['null among the numbers (JSON for NaN)', (t) => ({ ...t, coefficients: { jawOpen: [0, null] } })],
    ['NaN', (t) => ({ ...t, coefficients: { jawOpen: [0, NaN] } })],
    ['infinity', (t) => ({ ...t, coefficients: { jawOpen: [0, Infinity] } })],
    ['text for a number', (t) => ({ ...t, coefficients: { jawOpen: ['0', '1'] } })],
    ['no frames', (t) => ({ ...t, frames: 0 })],
    ['a million frames', (t) => ({ ...t, frames: 1_000_000 })],
    ['another version', (t) => ({ ...t, version: 2 })],
    ['a missing pose', (t) => ({ ...t, pose: undefined })],
    ['nothing', () => null],
    ['a string', () => '{}'],
  ])('refuses %s', (_, damage) => {
    expect(() => decodeDriveTrack(damage(document()))).toThrow(InvalidDriveTrackError);
  });

  it('is not fooled by a key named __proto__', () => {
    const track = { ...document(), coefficients: JSON.parse('{"__proto__":[1,1],"jawOpen":[0.5,0.5]}') as object };
    const { drives } = decodeDriveTrack(track);
    expect([...drives[0]!.coefficients].filter((v) => v !== 0)).toEqual([0.5]);
    expect(({} as Record<string, unknown>)['jawOpen']).toBeUndefined();
  });

  it('names every coefficient it carries and leaves out the still ones', () => {
    const moving = neutralDrive();
    moving.coefficients[coefficientIndex('jawOpen')] = 0.25;
    expect(encodeDriveTrack({ fps: 25, drives: [moving] }).coefficients).toEqual({ jawOpen: [0.25] });
    const full = { ...neutralDrive(), coefficients: new Float32Array(52).fill(0.5) };
    expect(Object.keys(encodeDriveTrack({ fps: 25, drives: [full] }).coefficients)).toEqual([...COEFFICIENTS]);
  });

  it('is read off a track frame by frame', () => {
    const frames = [{ coefficients: new Float32Array(52), pose: neutralDrive().pose }];
    const track = { frames } as unknown as Track;
    expect(driveOf(track, 0)).toEqual({ coefficients: frames[0]!.coefficients, pose: frames[0]!.pose });
    expect(() => driveOf(track, 1)).toThrow(RangeError);
  });
});

describe('smoothing', () => {
  it('leaves a still signal alone and takes most of its jitter away', () => {
    const filter = new OneEuro(25, 4, 4);
    const raw = Array.from({ length: 200 }, (_, i) => 0.5 + (i % 2 ? 0.01 : -0.01));
    const out = raw.map((v) => filter.next([v])[0]!);
    const step = (v: number[]) => v.slice(50).reduce((sum, x, i) => (i ? sum + Math.abs(x - v[49 + i]!) : 0), 0);
    expect(step(out)).toBeLessThan(0.5 * step(raw));
    expect(out.at(-1)).toBeCloseTo(0.5, 2);
  });

  it('follows a blink of three frames to more than 0.6 and is back within five', () => {
    const filter = new OneEuro(25, 4, 4);
    const blink = [0, 0, 0, 0.6, 1, 0.7, 0, 0, 0, 0, 0, 0];
    const out = blink.map((v) => filter.next([v])[0]!);
    expect(Math.max(...out)).toBeGreaterThan(0.6);
    expect(out.indexOf(Math.max(...out))).toBeLessThanOrEqual(5);
    expect(out.at(-1)).toBeLessThan(0.1);
  });

  it('never leaves 0..1 and keeps a constant pose', () => {
    const smoother = new DriveSmoother(25);
    const { pose } = neutralDrive({ yaw: 0.2 });
    for (let i = 0; i < 20; i++) {
      const out = smoother.next(new Float32Array(52).fill(i % 3), pose);
      for (const v of out.coefficients) expect(v >= 0 && v <= 1).toBe(true);
      expect(out.pose.yaw).toBeCloseTo(0.2, 9);
      expect(out.pose.scale).toBeCloseTo(pose.scale, 9);
    }
  });
});
