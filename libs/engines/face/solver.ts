import { cameraPlane, FACE_DEPTH, planeGram, visibility } from './camera-plane.ts';
import { COEFFICIENT_COUNT } from './coefficients.ts';
import { type Gaze, setGaze } from './deform.ts';
import { backward, boundedDescent, cholesky, forward, rotateLocally } from './dense-algebra.ts';
import { lidAperture, readGaze, setLids } from './eyes.ts';
import { type HeadModel, unitRidge, unknownsOf } from './head-model.ts';
import { POINT_COUNT, SKIN_POINTS } from './landmark-groups.ts';
import type { HeadFit, RigidPose, Subject } from './subject.ts';

/** Residuals beyond 4 mm count linearly. */
const HUBER = 0.004;
/** Pull of every unit towards 0 (its own prior is `unitRidge`). */
const L1 = 1.5;
const MODE_RIDGE = 1;
const MODE_LIMIT = 5;
/** Gauss-Newton steps from the previous frame's answer, and from nothing. */
const WARM_STEPS = 3;
const COLD_STEPS = 14;
/** Steps that move the pose only, at a cold start. */
const POSE_STEPS = 5;
/** cos-trace and share of depth within which the Hessian is kept: 4 degrees and 8 %. */
const SAME_TRACE = 2.9951;
const SAME_DEPTH = 0.08;

/** Points far from the mouth: they give the first pose. */
const STABLE = [33, 133, 362, 263, 168, 1, 98, 327, 10, 152, 234, 454];

/**
 * 478 picture landmarks → head pose, 52 coefficients and gaze, on the CC0 head; no net. Per frame Gauss-Newton on 6 pose numbers, 43
 * units and 6 modes of correlated landmark error; the pose is eliminated (Schur complement), the units found by bounded coordinate
 * descent. Robust and visibility weights enter the gradient only: the fixed Hessian changes the path, not the answer.
 * 0.5 ms per frame in a row, 2.3 ms cold. One instance per clip: it keeps its buffers and its last Hessian.
 */
export class HeadSolver {
  private readonly p = new Float64Array(3 * POINT_COUNT);
  private readonly g = new Float64Array(3 * POINT_COUNT);
  /** Weighted pose Jacobian, 2 × 6 per point. */
  private readonly plane = new Float64Array(12 * POINT_COUNT);
  private readonly which: readonly number[];
  private readonly ridge: Float64Array;
  private readonly H: Float64Array;
  /** Unit × pose block, and the same behind the pose's Cholesky factor. */
  private readonly C: Float64Array;
  private readonly Y: Float64Array;
  private L: Float64Array = new Float64Array(36);
  private keptAt?: { readonly R: Float64Array; readonly depth: number; readonly subject: Subject };

  constructor(
    readonly model: HeadModel,
    /** Multiplies the pull towards 0: calibration doubles it. */
    private readonly strictness = 1,
  ) {
    const modes = Array.from({ length: model.modes }, (_, m) => COEFFICIENT_COUNT + m);
    this.which = [...model.solved, ...modes];
    this.ridge = Float64Array.from(this.which, (k) => (k < COEFFICIENT_COUNT ? unitRidge(k) : MODE_RIDGE));
    const K = this.which.length;
    this.H = new Float64Array(K * K);
    this.C = new Float64Array(6 * K);
    this.Y = new Float64Array(6 * K);
  }

  /** `points`: 478 × x, y, z in pixels (z is not used). `previous`: the last frame's answer, to start from. */
  solve(subject: Subject, points: ArrayLike<number>, previous?: HeadFit): HeadFit {
    const pose: RigidPose = previous ? { R: previous.pose.R.slice(), t: previous.pose.t.slice() } : firstPose(subject, points);
    const units = previous ? previous.units.slice() : new Float64Array(unknownsOf(this.model));
    let gaze: Gaze = previous?.gaze ?? { left: { yaw: 0, pitch: 0 }, right: { yaw: 0, pitch: 0 } };
    let residual = 0;
    const steps = previous ? WARM_STEPS : COLD_STEPS;
    for (let step = 0; step < steps; step++) {
      if (previous || step >= POSE_STEPS - 1) gaze = readGaze(subject, pose, points, units, gaze);
      setGaze(units, gaze);
      residual = this.step(subject, points, pose, units, !previous && step < POSE_STEPS);
    }
    const aperture = {
      left: lidAperture(subject, pose, points, 'left'),
      right: lidAperture(subject, pose, points, 'right'),
    };
    setLids(units, subject, aperture);
    return { pose, units, gaze, aperture, residual };
  }

  /** One joint step; moves `pose` and `units` and returns the weighted rms residual before it, in metres. */
  private step(subject: Subject, points: ArrayLike<number>, pose: RigidPose, units: Float64Array, poseOnly: boolean): number {
    const fresh = !this.isKept(subject, pose);
    const { rms, posePart, poseHessian } = this.linearise(subject, points, pose, units, fresh);
    if (fresh) this.refreshHessian(subject, pose, poseHessian);
    if (!poseOnly) this.moveUnits(units, posePart);
    forward(this.L, 6, posePart);
    backward(this.L, 6, posePart);
    rotateLocally(pose.R, posePart[0]!, posePart[1]!, posePart[2]!);
    for (let k = 0; k < 3; k++) pose.t[k] = pose.t[k]! + posePart[3 + k]!;
    return rms;
  }

  /** Residuals in the camera plane: gradient per point into `g`, pose gradient and (when `fresh`) Jacobian and Hessian. */
  private linearise(subject: Subject, points: ArrayLike<number>, pose: RigidPose, units: Float64Array, fresh: boolean) {
    const { p, g, plane, model } = this;
    const { R, t } = pose;
    const { A, towards } = cameraPlane(pose);
    p.set(subject.rest);
    model.units.addTo(p, units);
    const posePart = new Float64Array(6);
    const poseHessian = new Float64Array(36);
    const jx = new Float64Array(6);
    const jy = new Float64Array(6);
    jx[3] = 1;
    jy[4] = 1;
    let sum = 0;
    let total = 0;
    for (let i = 0; i < SKIN_POINTS; i++) {
      const w0 = model.weight[i]!;
      if (w0 === 0) continue;
      const o = 3 * i;
      const [x, y, z] = [p[o]!, p[o + 1]!, p[o + 2]!];
      const X = R[0]! * x + R[1]! * y + R[2]! * z + t[0]!;
      const Y = R[3]! * x + R[4]! * y + R[5]! * z + t[1]!;
      const Z = R[6]! * x + R[7]! * y + R[8]! * z + t[2]!;
      const k = -Z / subject.focal;
      const ex = (points[o]! - subject.cx) * k - X;
      const ey = -(points[o + 1]! - subject.cy) * k - Y;
      const seen = visibility(model, i, towards);
      const e = Math.hypot(ex, ey);
      const w = w0 * seen * Math.min(1, HUBER / e);
      sum += w0 * seen * e * e;
      total += w0 * seen;
      g[o] = w * (A[0] * ex + A[3] * ey);
      g[o + 1] = w * (A[1] * ex + A[4] * ey);
      g[o + 2] = w * (A[2] * ex + A[5] * ey);
      poseJacobian(R, x, y, z, X / Z, Y / Z, jx, jy);
      for (let a = 0; a < 6; a++) {
        posePart[a] = posePart[a]! + w * (jx[a]! * ex + jy[a]! * ey);
        if (!fresh) continue;
        plane[12 * i + 2 * a] = w0 * jx[a]!;
        plane[12 * i + 2 * a + 1] = w0 * jy[a]!;
        for (let b = 0; b <= a; b++) {
          poseHessian[6 * a + b] = poseHessian[6 * a + b]! + w0 * (jx[a]! * jx[b]! + jy[a]! * jy[b]!);
        }
      }
    }
    return { rms: Math.sqrt(sum / total), posePart, poseHessian };
  }

  /** Units' Hessian with the pose eliminated: H = BᵀPB − Cᵀ N⁻¹ C. */
  private refreshHessian(subject: Subject, pose: RigidPose, N: Float64Array): void {
    const { H, C, Y, which, model } = this;
    const { A } = cameraPlane(pose);
    for (let a = 0; a < 6; a++) N[7 * a] = N[7 * a]! * (1 + 1e-3) + 1e-9;
    this.L = cholesky(N, 6);
    this.keptAt = { R: pose.R.slice(), depth: pose.t[2]!, subject };
    H.fill(0);
    model.units.addHessian(H, which, planeGram(A));
    const K = which.length;
    for (let k = 0; k < K; k++) {
      this.poseCoupling(which[k]!, A, C.subarray(6 * k, 6 * k + 6));
      Y.set(C.subarray(6 * k, 6 * k + 6), 6 * k);
      forward(this.L, 6, Y.subarray(6 * k, 6 * k + 6));
      for (let l = 0; l <= k; l++) {
        let q = 0;
        for (let a = 0; a < 6; a++) q += Y[6 * k + a]! * Y[6 * l + a]!;
        H[k * K + l] = H[k * K + l]! - q;
        if (k !== l) H[l * K + k] = H[l * K + k]! - q;
      }
    }
    for (let k = 0; k < K; k++) H[k * K + k] = H[k * K + k]! + this.ridge[k]! + 1e-6;
  }

  /** How a column and the six pose numbers explain each other. */
  private poseCoupling(column: number, A: ReturnType<typeof cameraPlane>['A'], out: Float64Array): void {
    const { plane } = this;
    const points = this.model.units.points[column]!;
    const v = this.model.units.values[column]!;
    out.fill(0);
    for (let n = 0; n < points.length; n++) {
      const i = points[n]!;
      if (i >= SKIN_POINTS) continue;
      const [vx, vy, vz] = [v[3 * n]!, v[3 * n + 1]!, v[3 * n + 2]!];
      const a = A[0] * vx + A[1] * vy + A[2] * vz;
      const b = A[3] * vx + A[4] * vy + A[5] * vz;
      for (let k = 0; k < 6; k++) out[k] = out[k]! + plane[12 * i + 2 * k]! * a + plane[12 * i + 2 * k + 1]! * b;
    }
  }

  /** Bounded descent on the units; afterwards `posePart` is the gradient that is left for the pose. */
  private moveUnits(units: Float64Array, posePart: Float64Array): void {
    const { H, C, Y, which, g, ridge, model } = this;
    const K = which.length;
    const behind = posePart.slice();
    forward(this.L, 6, behind);
    const gradient = new Float64Array(K);
    const move = new Float64Array(K);
    const lo = new Float64Array(K);
    const hi = new Float64Array(K);
    for (let k = 0; k < K; k++) {
      const column = which[k]!;
      const value = units[column]!;
      const isUnit = column < COEFFICIENT_COUNT;
      let q = model.units.dot(column, g);
      for (let a = 0; a < 6; a++) q -= Y[6 * k + a]! * behind[a]!;
      gradient[k] = q - (isUnit ? L1 * this.strictness : 0) - ridge[k]! * value;
      lo[k] = (isUnit ? 0 : -MODE_LIMIT) - value;
      hi[k] = (isUnit ? 1 : MODE_LIMIT) - value;
    }
    boundedDescent(H, gradient, move, lo, hi, 14);
    for (let k = 0; k < K; k++) {
      units[which[k]!] = units[which[k]!]! + move[k]!;
      for (let a = 0; a < 6; a++) posePart[a] = posePart[a]! - C[6 * k + a]! * move[k]!;
    }
  }

  /** The gradient is exact, so a kept Hessian still leads to the same answer. */
  private isKept(subject: Subject, { R, t }: RigidPose): boolean {
    const kept = this.keptAt;
    if (kept?.subject !== subject || Math.abs(t[2]! / kept.depth - 1) > SAME_DEPTH) return false;
    let trace = 0;
    for (let k = 0; k < 9; k++) trace += R[k]! * kept.R[k]!;
    return trace > SAME_TRACE;
  }
}

/**
 * Change of a point's position in the camera plane for a turn about the head's own axes (R (eₐ × p)) and for a shift. The shift's
 * own entries of x and y are constant and set by the caller.
 */
export function poseJacobian(
  R: Float64Array,
  x: number,
  y: number,
  z: number,
  qx: number,
  qy: number,
  jx: Float64Array,
  jy: Float64Array,
): void {
  for (let a = 0; a < 3; a++) {
    const vx = a === 0 ? 0 : a === 1 ? z : -y;
    const vy = a === 0 ? -z : a === 1 ? 0 : x;
    const vz = a === 0 ? y : a === 1 ? -x : 0;
    const depth = R[6]! * vx + R[7]! * vy + R[8]! * vz;
    jx[a] = R[0]! * vx + R[1]! * vy + R[2]! * vz - qx * depth;
    jy[a] = R[3]! * vx + R[4]! * vy + R[5]! * vz - qy * depth;
  }
  jx[5] = -qx;
  jy[5] = -qy;
}

/** First pose from picture distances of a few stable points (weak perspective); Gauss-Newton does the rest. */
export function firstPose({ rest, focal, cx, cy }: Subject, points: ArrayLike<number>): RigidPose {
  const n = STABLE.length;
  const mean = (of: (i: number) => number): number => STABLE.reduce((sum, i) => sum + of(i), 0) / n;
  const mu = mean((i) => points[3 * i]!);
  const mv = mean((i) => points[3 * i + 1]!);
  const mx = mean((i) => rest[3 * i]!);
  const my = mean((i) => rest[3 * i + 1]!);
  let a = 0;
  let b = 0;
  let d = 0;
  for (const i of STABLE) {
    const x = rest[3 * i]! - mx;
    const y = rest[3 * i + 1]! - my;
    const u = points[3 * i]! - mu;
    const v = -(points[3 * i + 1]! - mv);
    a += x * u + y * v;
    b += x * v - y * u;
    d += x * x + y * y;
  }
  const roll = Math.atan2(b, a);
  const Z = (focal * d) / Math.hypot(a, b);
  const c = Math.cos(roll);
  const s = Math.sin(roll);
  const X = ((mu - cx) * Z) / focal;
  const Y = (-(mv - cy) * Z) / focal;
  return {
    R: Float64Array.from([c, -s, 0, s, c, 0, 0, 0, 1]),
    t: Float64Array.from([X - (c * mx - s * my), Y - (s * mx + c * my), -Z - FACE_DEPTH]),
  };
}
