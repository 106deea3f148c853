import type { BenchFigure } from '#kernel';
import { calibrate } from './calibrate.ts';
import { COEFFICIENT_COUNT, type CoefficientName, coefficientIndex } from './coefficients.ts';
import { headModel } from './head-model.ts';
import { projectedHead } from './projected-heads.ts';
import { HeadSolver } from './solver.ts';

/** How well the solver reads heads whose truth is known. */
export interface SolverAccuracy {
  /** Pearson r of each coefficient over all frames and people; NaN where the truth never moves. */
  readonly r: Float64Array;
  /** Mean r over the coefficients that move. */
  readonly meanR: number;
  /** Degrees, 90th percentile, after one constant rotation per person (absolute pitch is a gauge of the calibration). */
  readonly rotation90: number;
  readonly msPerFrame: number;
  readonly msToCalibrate: number;
}

/** Projects people without any net, adds noise, calibrates on 24 frames and reads the rest. */
export function solverAccuracy({ people = 4, frames = 40, noise = 0.8, seed = 9000 } = {}): SolverAccuracy {
  const model = headModel(undefined, true);
  const truth: Float32Array[] = [];
  const read: Float64Array[] = [];
  const angles: number[] = [];
  let [solving, calibrating] = [0, 0];
  for (let person = 0; person < people; person++) {
    const head = projectedHead(seed + person, { frames: 24 + frames, noise });
    const start = process.cpuUsage();
    const subject = calibrate(model, {
      frames: head.frames.slice(0, 24).map((f) => f.points),
      width: 512,
      height: 512,
      neutral: 3,
    });
    calibrating += milliseconds(start);
    const solver = new HeadSolver(model);
    const off: number[][] = [];
    for (const { points, coefficients, pose } of head.frames.slice(24)) {
      const begin = process.cpuUsage();
      const fit = solver.solve(subject, points);
      solving += milliseconds(begin);
      truth.push(coefficients);
      read.push(fit.units);
      off.push(rotationBetween(pose.R, fit.pose.R));
    }
    const mean = [0, 1, 2].map((k) => off.reduce((sum, v) => sum + v[k]!, 0) / off.length);
    angles.push(...off.map((v) => Math.hypot(...v.map((c, k) => c - mean[k]!)) * (180 / Math.PI)));
  }
  const r = Float64Array.from({ length: COEFFICIENT_COUNT }, (_, k) => correlation(truth.map((t) => t[k]!), read.map((v) => v[k]!))); // prettier-ignore
  const moving = [...r].filter((v) => !Number.isNaN(v));
  return {
    r,
    meanR: moving.reduce((a, b) => a + b, 0) / moving.length,
    rotation90: angles.sort((a, b) => a - b)[Math.floor(0.9 * angles.length)]!,
    msPerFrame: solving / truth.length,
    msToCalibrate: calibrating / people,
  };
}

const milliseconds = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

/** Rotation vector of Aᵀ B in radians. */
export function rotationBetween(A: ArrayLike<number>, B: ArrayLike<number>): number[] {
  const D = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => A[i]! * B[j]! + A[3 + i]! * B[3 + j]! + A[6 + i]! * B[6 + j]!));
  const angle = Math.acos(Math.min(1, Math.max(-1, (D[0]! + D[4]! + D[8]! - 1) / 2)));
  const k = angle < 1e-6 ? 0.5 : angle / (2 * Math.sin(angle));
  return [k * (D[7]! - D[5]!), k * (D[2]! - D[6]!), k * (D[3]! - D[1]!)];
}

export function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((v, i) => {
    xy += (v - mx) * (y[i]! - my);
    xx += (v - mx) ** 2;
    yy += (y[i]! - my) ** 2;
  });
  return xx === 0 || yy === 0 ? NaN : xy / Math.sqrt(xx * yy);
}

/** Figures of the coefficient solver on exact projections with 0.8 px noise (inter-ocular distance about 92 px). */
export function benchSolver(): Promise<BenchFigure[]> {
  const { r, meanR, rotation90, msPerFrame, msToCalibrate } = solverAccuracy({ people: 6 });
  const of = (name: CoefficientName): number => r[coefficientIndex(name)]!;
  return Promise.resolve([
    { name: 'solver mean r, exact projections', value: meanR, unit: 'r', goal: '>= 0.8', ok: meanR >= 0.8 },
    { name: 'solver jawOpen, exact projections', value: of('jawOpen'), unit: 'r' },
    { name: 'solver eyeBlinkLeft, exact projections', value: of('eyeBlinkLeft'), unit: 'r' },
    { name: 'solver rotation, p90 after a constant per person', value: rotation90, unit: 'degrees' },
    { name: 'solver cold frame', value: msPerFrame, unit: 'CPU-ms' },
    { name: 'calibration, 24 frames', value: msToCalibrate, unit: 'CPU-ms' },
  ]);
}
