import { coefficientIndex, COEFFICIENT_COUNT, type CoefficientName } from './coefficients.ts';
import { deform, landmarkPoints } from './deform.ts';
import { type HeadAsset, loadHeadAsset } from './head-asset.ts';
import { rotationOf } from './head-pose.ts';
import { type Camera, projectPoint, type RigidPose } from './subject.ts';

/** Uniform numbers in 0..1, the same on every machine. */
export type Random = () => number;
export function seededRandom(seed: number): Random {
  let s = seed >>> 0 || 1;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
export const normalRandom = (r: Random): number => Math.sqrt(-2 * Math.log(1 - r())) * Math.cos(2 * Math.PI * r());

/** A person who does not exist, with exact truth for pose and coefficients: the solver's yardstick, without any net. */
export interface ProjectedHead {
  readonly size: number;
  readonly camera: Camera;
  readonly identity: Float32Array;
  readonly frames: readonly ProjectedFrame[];
}
export interface ProjectedFrame {
  /** 478 × x, y, z in pixels; smaller z is nearer. */
  readonly points: Float32Array;
  readonly coefficients: Float32Array;
  readonly pose: RigidPose;
}

export interface ProjectedHeadOptions {
  readonly frames: number;
  /** The first frames show a neutral face. */
  readonly neutral?: number;
  /** Standard deviation of the landmarks, pixels of 512. */
  readonly noise?: number;
}

/** Projects a random person: `frames` random expressions and poses, yaw sd 14 degrees. */
export function projectedHead(seed: number, { frames, neutral = 3, noise = 0 }: ProjectedHeadOptions): ProjectedHead {
  const asset = loadHeadAsset();
  const r = seededRandom(seed);
  const size = 512;
  const distance = 0.55 + 0.7 * r();
  const camera = { focal: (0.72 * size * distance) / 0.2, cx: size / 2, cy: size / 2 };
  const identity = randomIdentity(asset, r);
  const make = (n: number): ProjectedFrame => {
    const coefficients = n < neutral ? new Float32Array(COEFFICIENT_COUNT) : randomCoefficients(r);
    const yaw = Math.max(-0.7, Math.min(0.7, 0.25 * normalRandom(r)));
    const pose = portraitPose({ yaw, pitch: 0.12 * normalRandom(r), roll: 0.1 * normalRandom(r) }, distance);
    const points = projectLandmarks(landmarkPoints(asset, deform(asset, { identity, coefficients })), camera, pose);
    for (let i = 0; i < points.length; i++) points[i] = points[i]! + noise * normalRandom(r);
    return { points, coefficients, pose };
  };
  return { size, camera, identity, frames: Array.from({ length: frames }, (_, n) => make(n)) };
}

/** The middle of the head on the optical axis, at a distance in metres. */
export function portraitPose(angles: { yaw: number; pitch: number; roll: number }, distance: number): RigidPose {
  const R = rotationOf(angles);
  const middle = [0, 0.02, 0.06];
  const t = [0, 1, 2].map((k) => -middle.reduce((sum, v, j) => sum + R[3 * k + j]! * v, 0));
  return { R, t: Float64Array.of(t[0]!, t[1]!, t[2]! - distance) };
}

export function projectLandmarks(p: Float32Array, camera: Camera, pose: RigidPose): Float32Array {
  const { R, t } = pose;
  const out = new Float32Array(p.length);
  for (let i = 0; i < p.length; i += 3) {
    const [u, v] = projectPoint(camera, pose, p[i]!, p[i + 1]!, p[i + 2]!);
    const depth = R[6]! * p[i]! + R[7]! * p[i + 1]! + R[8]! * p[i + 2]!;
    out.set([u, v, (depth * camera.focal) / t[2]!], i);
  }
  return out;
}

function randomIdentity(asset: HeadAsset, r: Random): Float32Array {
  const races = [r(), r(), r()].map((v) => v ** 2);
  const sum = races.reduce((a, b) => a + b);
  const sparse = r() < 0.5 ? 0.22 : 0.3;
  const weight = ({ name, kind, lo }: HeadAsset['identity'][number]): number => {
    const signed = (threshold: number): number => (lo < 0 ? normalRandom(r) : Math.max(0, normalRandom(r) - threshold));
    if (name === 'gender') return (r() < 0.5 ? -1 : 1) * (0.5 + 0.5 * r());
    if (name === 'age') return Math.max(0, r() * 1.3 - 0.5);
    if (name === 'weight') return normalRandom(r) * 0.4;
    if (name === 'muscle') return normalRandom(r) * 0.3;
    if (kind === 'macro') return (races[['african', 'asian', 'caucasian'].indexOf(name)]! / sum) * 1.5 - 0.5;
    if (name.startsWith('asym')) return normalRandom(r) * 0.2;
    return /^(head|forehead)/.test(name) ? signed(0.8) * 0.2 : signed(0.5) * sparse;
  };
  return Float32Array.from(asset.identity, (target) => Math.max(target.lo, Math.min(target.hi, weight(target))));
}

/** Stems of coefficients that exist for both sides. */
type Paired = Extract<CoefficientName, `${string}Left`> extends `${infer Stem}Left` ? Stem : never;

/** A few active groups per frame, left and right mostly together, as faces do. */
export function randomCoefficients(r: Random): Float32Array {
  const w = new Float32Array(COEFFICIENT_COUNT);
  const set = (name: CoefficientName, v: number): void => {
    const k = coefficientIndex(name);
    w[k] = Math.max(w[k]!, Math.min(1, v));
  };
  const both = (stem: Paired, v: number): void => {
    const lean = 0.25 * normalRandom(r);
    set(`${stem}Left` as CoefficientName, Math.max(0, v * (1 + lean)));
    set(`${stem}Right` as CoefficientName, Math.max(0, v * (1 - lean)));
  };
  if (r() < 0.6) set('jawOpen', r() ** 1.5 * 0.9);
  if (r() < 0.15) set(r() < 0.5 ? 'jawLeft' : 'jawRight', r());
  const brow = r();
  if (brow < 0.25) {
    set('browInnerUp', r());
    if (r() < 0.7) both('browOuterUp', r());
  } else if (brow < 0.45) both('browDown', r());
  const lid = r();
  if (lid < 0.25) both('eyeBlink', r() < 0.5 ? 1 : r());
  else if (lid < 0.4) both('eyeSquint', r());
  else if (lid < 0.5) both('eyeWide', r());
  const x = (r() - 0.5) * 1.6;
  const y = (r() - 0.5) * 1.4;
  set(x > 0 ? 'eyeLookOutLeft' : 'eyeLookInLeft', Math.abs(x));
  set(x > 0 ? 'eyeLookInRight' : 'eyeLookOutRight', Math.abs(x));
  both(y > 0 ? 'eyeLookUp' : 'eyeLookDown', Math.abs(y));
  const mouth = r();
  if (mouth < 0.25) both('mouthSmile', r());
  else if (mouth < 0.35) both('mouthFrown', r());
  else if (mouth < 0.45) set('mouthPucker', r());
  else if (mouth < 0.55) set('mouthFunnel', r());
  else if (mouth < 0.62) both('mouthStretch', r());
  else if (mouth < 0.69) both('mouthPress', r());
  else if (mouth < 0.75) set(r() < 0.5 ? 'mouthLeft' : 'mouthRight', r());
  if (r() < 0.15) both('mouthUpperUp', r());
  if (r() < 0.15) both('mouthLowerDown', r());
  if (r() < 0.1) both('noseSneer', r());
  return w;
}
