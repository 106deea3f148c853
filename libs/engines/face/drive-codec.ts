import { z } from 'zod';
import { COEFFICIENT_COUNT, COEFFICIENTS, type CoefficientName, coefficientIndex } from './coefficients.ts';
import type { Drive, TorsoPose } from './drive.ts';
import { InvalidDriveTrackError } from './face.errors.ts';
import type { HeadPose } from './track.ts';

/** A drive per frame, as it travels: JSON by name, so that a reader of the file sees what moves the face. */
export interface DriveTrack {
  readonly fps: number;
  readonly drives: readonly Drive[];
}

/** A named number that a track asked for outside its range, and what the range made of it. */
export interface ClampedValue {
  /** `jawOpen`, `pose.yaw`, `torso.x`, … */
  readonly name: string;
  /** How many frames were clamped. */
  readonly frames: number;
  /** The most extreme value asked for. */
  readonly extreme: number;
}

export interface DecodedDriveTrack extends DriveTrack {
  /** Empty when everything was in range. */
  readonly clamped: readonly ClampedValue[];
}

type Range = readonly [number, number];
const COEFFICIENT_RANGE: Range = [0, 1];
/** Radians and fractions of the crop's side. Beyond ±60 degrees nothing was ever tracked. */
export const POSE_RANGES: Readonly<Record<keyof HeadPose, Range>> = {
  pitch: [-1.05, 1.05],
  yaw: [-1.05, 1.05],
  roll: [-1.05, 1.05],
  x: [-0.5, 1.5],
  y: [-0.5, 1.5],
  scale: [0.02, 0.8],
};
export const TORSO_RANGES: Readonly<Record<keyof TorsoPose, Range>> = {
  x: [-1, 1],
  y: [-1, 1],
  roll: [-1.05, 1.05],
  scale: [0.5, 2],
};
const POSE_KEYS = Object.keys(POSE_RANGES) as (keyof HeadPose)[];
const TORSO_KEYS = Object.keys(TORSO_RANGES) as (keyof TorsoPose)[];

/** Twenty minutes at 60 frames a second. */
const MAX_FRAMES = 72_000;

const column = z.array(z.number()).max(MAX_FRAMES);
const columns = <K extends string>(keys: readonly K[]) =>
  z.strictObject(Object.fromEntries(keys.map((key) => [key, column])) as Record<K, typeof column>);
const schema = z.strictObject({
  format: z.literal('assent-drive'),
  version: z.literal(1),
  fps: z.number().min(1).max(120),
  frames: z.int().min(1).max(MAX_FRAMES),
  /** One column per coefficient that moves; the others are 0. */
  coefficients: z.partialRecord(z.enum(COEFFICIENTS), column),
  pose: columns(POSE_KEYS),
  torso: columns(TORSO_KEYS).optional(),
});
type DriveDocument = z.infer<typeof schema>;

/** Six decimals: a thousandth of what a filter step moves. */
const short = (v: number): number => Math.round(v * 1e6) / 1e6;

/** The track as a JSON document; coefficients that stay 0 are left out. Torso only when every frame has one. */
export function encodeDriveTrack({ fps, drives }: DriveTrack): DriveDocument {
  const of = (read: (drive: Drive) => number): number[] => drives.map((drive) => short(read(drive)));
  const moving = COEFFICIENTS.filter((_, k) => drives.some(({ coefficients }) => short(coefficients[k]!) !== 0));
  const withTorso = drives.every((drive) => drive.torso !== undefined);
  return {
    format: 'assent-drive',
    version: 1,
    fps,
    frames: drives.length,
    coefficients: Object.fromEntries(moving.map((name) => [name, of((d) => d.coefficients[coefficientIndex(name)]!)])),
    pose: Object.fromEntries(POSE_KEYS.map((key) => [key, of((d) => d.pose[key])])) as DriveDocument['pose'],
    ...(withTorso && {
      torso: Object.fromEntries(TORSO_KEYS.map((key) => [key, of((d) => d.torso![key])])) as NonNullable<DriveDocument['torso']>,
    }),
  };
}

/**
 * A track from outside. Values out of range are clamped and reported in `clamped`: the caller decides whether that is a warning.
 * @throws InvalidDriveTrackError for anything that is not a track: an unknown name, a number that is none, columns of other lengths.
 */
export function decodeDriveTrack(document: unknown): DecodedDriveTrack {
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const errors = parsed.error.issues.map(({ path, message }) => ({
      pointer: path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: message,
    }));
    throw new InvalidDriveTrackError('This is not a coefficient track of format assent-drive, version 1.', { errors });
  }
  const { fps, frames, coefficients, pose, torso } = parsed.data;
  const reader = new ColumnReader(frames);
  const values = new Map(
    (Object.entries(coefficients) as [CoefficientName, number[]][]).map(([name, given]) => [
      coefficientIndex(name),
      reader.read(name, given, COEFFICIENT_RANGE),
    ]),
  );
  const poses = POSE_KEYS.map((key) => reader.read(`pose.${key}`, pose[key], POSE_RANGES[key]));
  const torsos = torso && TORSO_KEYS.map((key) => reader.read(`torso.${key}`, torso[key], TORSO_RANGES[key]));
  const row = <K extends string>(keys: readonly K[], from: readonly number[][], i: number): Record<K, number> =>
    Object.fromEntries(keys.map((key, k) => [key, from[k]![i]!])) as Record<K, number>;
  const drives = Array.from({ length: frames }, (_, i): Drive => {
    const vector = new Float32Array(COEFFICIENT_COUNT);
    for (const [k, given] of values) vector[k] = given[i]!;
    return {
      coefficients: vector,
      pose: row(POSE_KEYS, poses, i),
      ...(torsos && { torso: row(TORSO_KEYS, torsos, i) }),
    };
  });
  return { fps, drives, clamped: reader.clamped };
}

class ColumnReader {
  readonly clamped: ClampedValue[] = [];
  constructor(private readonly frames: number) {}

  read(name: string, given: readonly number[], [lo, hi]: Range): number[] {
    if (given.length !== this.frames) {
      throw new InvalidDriveTrackError(`"${name}" has ${given.length} values for ${this.frames} frames.`, { name });
    }
    const beyond = (v: number): number => Math.max(lo - v, v - hi, 0);
    const outside = given.filter((v) => beyond(v) > 0);
    if (outside.length > 0) {
      const extreme = outside.reduce((worst, v) => (beyond(v) > beyond(worst) ? v : worst));
      this.clamped.push({ name, frames: outside.length, extreme });
    }
    return given.map((v) => Math.max(lo, Math.min(hi, v)));
  }
}
