import { cameraPlane, planeGram } from './camera-plane.ts';
import { COEFFICIENT_COUNT, COEFFICIENTS } from './coefficients.ts';
import { boundedDescent, solve3 } from './dense-algebra.ts';
import { CalibrationError } from './face.errors.ts';
import { type HeadModel, unknownsOf } from './head-model.ts';
import { POINT_COUNT, SKIN_POINTS } from './landmark-groups.ts';
import { planeResiduals } from './regressor.ts';
import { HeadSolver } from './solver.ts';
import { applyIdentity, type Camera, type HeadFit, meanSubject, type Subject } from './subject.ts';

/** Rounds of pose-and-expression, then identity. Four rounds left ears and jaw 0.1 eye distances further off. */
const ROUNDS = 12;
/** Enough to see which focal length fits best. */
const TRIAL_ROUNDS = 4;
const IDENTITY_PRIOR = 0.25;
/** What identity cannot explain: ridge, and the most a point may be moved, in metres. */
const OFFSET_RIDGE = 0.08;
const OFFSET_LIMIT = 0.006;
/** Focal lengths tried, × picture height: it is hardly observable, and constant per clip. */
const FOCALS = [1.2, 2, 3.2];
/** Fewer frames than this cannot separate a face from its expression. */
export const MIN_CALIBRATION_FRAMES = 4;

export interface CalibrationFrames {
  /** 478 × x, y, z in pixels each; 24 to 40 frames spread over the clip, the known neutral ones first. */
  readonly frames: readonly ArrayLike<number>[];
  readonly width: number;
  readonly height: number;
  /** How many of the first frames are known to show a neutral face: they help (mean r + .013, frown and smile most). */
  readonly neutral?: number;
}

/**
 * Learns one person in one clip: identity weights, per-point offsets, focal length, lid range and rest gaze. 1.0 s of CPU for 24
 * frames, 1.7 s for 40.
 * @throws CalibrationError with fewer than 4 frames.
 */
export function calibrate(model: HeadModel, { frames, width, height, neutral = 0 }: CalibrationFrames): Subject {
  if (frames.length < MIN_CALIBRATION_FRAMES) {
    throw new CalibrationError(`A face was found in only ${frames.length} usable frames: record a clip that shows the face.`);
  }
  const camera = (f: number): Camera => ({ focal: f * height, cx: width / 2, cy: height / 2 });
  let best: { readonly focal: number; readonly residual: number } | undefined;
  for (const focal of FOCALS) {
    const { fits } = settle(model, frames, meanSubject(model, camera(focal)), neutral, TRIAL_ROUNDS);
    const residual = medianResidual(fits);
    if (!best || residual < best.residual * 0.99) best = { focal, residual };
  }
  return calibrateWith(model, frames, camera(best!.focal), neutral);
}

/** The same for a known camera. */
export function calibrateWith(model: HeadModel, frames: readonly ArrayLike<number>[], camera: Camera, neutral: number): Subject {
  const subject = meanSubject(model, camera);
  const { solveAll } = settle(model, frames, subject, neutral, ROUNDS);
  for (let pass = 0; pass < 2; pass++) restIdleUnits(model, subject, solveAll(), neutral);
  const fits = solveAll();
  settleEyes(subject, fits);
  subject.residual = medianResidual(fits);
  return subject;
}

/** Alternates pose and expression per frame with the rest face; the last round moves single points. */
function settle(model: HeadModel, frames: readonly ArrayLike<number>[], subject: Subject, neutral: number, rounds: number) {
  const solver = new HeadSolver(model, 2);
  let fits: HeadFit[] = [];
  const solveAll = (): HeadFit[] => (fits = frames.map((points, n) => solver.solve(subject, points, fits[n])));
  for (let round = 0; round < rounds; round++) {
    const evidence = gather(model, subject, frames, solveAll(), neutral);
    if (round < rounds - 1) moveIdentity(model, subject, evidence);
    else moveOffsets(model, subject, evidence);
    applyIdentity(model, subject);
  }
  return { fits, solveAll };
}

const medianResidual = (fits: readonly HeadFit[]): number => quantile(fits.map((fit) => fit.residual), 0.5); // prettier-ignore

/** Normal equations of a displacement of the rest face, summed over frames at fixed pose and expression. */
interface Evidence {
  /** Σ AᵀA for the identity columns. */
  readonly gram: Float64Array;
  /** Σ weighted AᵀA per point, 9 each, and Σ weighted Aᵀe, 3 each. */
  readonly perPoint: Float64Array;
  readonly pull: Float64Array;
  readonly used: number;
}

function gather(
  model: HeadModel,
  subject: Subject,
  frames: readonly ArrayLike<number>[],
  fits: readonly HeadFit[],
  neutral: number,
): Evidence {
  const gram = new Float64Array(6);
  const perPoint = new Float64Array(9 * POINT_COUNT);
  const pull = new Float64Array(3 * POINT_COUNT);
  // The worst tenth says nothing about the face at rest.
  const limit = quantile(
    fits.map((fit) => fit.residual),
    0.9,
  );
  const still = new Float64Array(unknownsOf(model));
  let used = 0;
  frames.forEach((points, n) => {
    const fit = fits[n]!;
    if (fit.residual > limit) return;
    used++;
    const calm = n < neutral ? 3 : calmness(fit.units);
    const e = planeResiduals(model, subject, fit.pose, points, n < neutral ? still : fit.units);
    const { A } = cameraPlane(fit.pose);
    planeGram(A).forEach((v, k) => (gram[k] = gram[k]! + calm * v));
    for (let i = 0; i < SKIN_POINTS; i++) {
      const w = calm * model.weight[i]! * e[3 * i + 2]!;
      if (w === 0) continue;
      for (let a = 0; a < 3; a++) {
        pull[3 * i + a] = pull[3 * i + a]! + w * (A[a]! * e[3 * i]! + A[3 + a]! * e[3 * i + 1]!);
        for (let b = 0; b < 3; b++) {
          const o = 9 * i + 3 * a + b;
          perPoint[o] = perPoint[o]! + w * (A[a]! * A[b]! + A[3 + a]! * A[3 + b]!);
        }
      }
    }
  });
  return { gram, perPoint, pull, used };
}

/** A frame with a strong expression says less about the face at rest. */
function calmness(units: Float64Array): number {
  let squares = 0;
  for (let k = 0; k < COEFFICIENT_COUNT; k++) if (!COEFFICIENTS[k]!.startsWith('eye')) squares += units[k]! ** 2;
  return 1 / (1 + squares);
}

const spread = ({ name, kind }: { name: string; kind: string }): number =>
  kind === 'macro' ? 0.6 : name.startsWith('asym') ? 0.2 : 0.3;

/** Bounded ridge on the identity weights. */
function moveIdentity(model: HeadModel, subject: Subject, { gram, pull, used }: Evidence): void {
  const targets = model.asset.identity;
  const K = targets.length;
  const H = new Float64Array(K * K);
  const half = Array.from(gram, (v) => 0.5 * v) as unknown as [number, number, number, number, number, number];
  model.identity.addHessian(H, targets.map((_, k) => k), half); // prettier-ignore
  const g = new Float64Array(K);
  for (let k = 0; k < K; k++) {
    const pullOfPrior = (IDENTITY_PRIOR * Math.max(8, used)) / spread(targets[k]!) ** 2;
    H[k * K + k] = H[k * K + k]! + pullOfPrior;
    g[k] = 0.5 * model.identity.dot(k, pull) - pullOfPrior * subject.identity[k]!;
  }
  const lo = targets.map((target, k) => target.lo - subject.identity[k]!);
  const hi = targets.map((target, k) => target.hi - subject.identity[k]!);
  const move = new Float64Array(K);
  boundedDescent(H, g, move, lo, hi, 60);
  for (let k = 0; k < K; k++) subject.identity[k] = subject.identity[k]! + move[k]!;
}

/** What identity cannot explain stays as an offset per point. */
function moveOffsets(model: HeadModel, subject: Subject, { perPoint, pull, used }: Evidence): void {
  for (let i = 0; i < SKIN_POINTS; i++) {
    const w = model.weight[i]!;
    if (w === 0) continue;
    const M = perPoint.slice(9 * i, 9 * i + 9);
    const ridge = w * Math.max(4, used) * OFFSET_RIDGE;
    for (let a = 0; a < 3; a++) M[4 * a] = M[4 * a]! + ridge;
    const x = solve3(M, [pull[3 * i]!, pull[3 * i + 1]!, pull[3 * i + 2]!]);
    for (let a = 0; a < 3; a++) {
      subject.offset[3 * i + a] = subject.offset[3 * i + a]! + Math.max(-OFFSET_LIMIT, Math.min(OFFSET_LIMIT, x[a]!));
    }
  }
}

/**
 * A unit that never lets go (or shows on frames known to be neutral) is anatomy, not expression: it moves into the rest face.
 * Without this, mouthRight idled at .25 and browDownRight at .37 on a real face.
 */
function restIdleUnits(model: HeadModel, subject: Subject, fits: readonly HeadFit[], neutral: number): void {
  const idle = new Float64Array(unknownsOf(model));
  for (const k of model.solved) {
    if (/^eye(Blink|Wide)/.test(COEFFICIENTS[k]!)) continue;
    idle[k] = neutral
      ? fits.slice(0, neutral).reduce((sum, fit) => sum + fit.units[k]! / neutral, 0)
      : quantile(fits.map((fit) => fit.units[k]!), 0.2); // prettier-ignore
  }
  model.units.addTo(subject.rest, idle);
  model.units.addTo(subject.offset, idle);
}

/** Lid range and rest gaze. The median gaze of open eyes counts as straight ahead of the head. */
function settleEyes(subject: Subject, fits: readonly HeadFit[]): void {
  for (const side of ['left', 'right'] as const) {
    const eye = subject.eye[side];
    const apertures = fits.map((fit) => fit.aperture[side]);
    eye.open = quantile(apertures, 0.6);
    eye.closed = Math.min(0.45 * eye.open, Math.max(0.12, Math.min(...apertures)));
    // No blink among the frames: a shut eye shows about a third of the gap.
    if (eye.closed > 0.4 * eye.open) eye.closed = 0.33 * eye.open;
    const awake = fits.filter((fit) => fit.aperture[side] > 0.7 * eye.open);
    eye.rest = {
      yaw: eye.rest.yaw + quantile(awake.map((fit) => fit.gaze[side].yaw), 0.5),
      pitch: eye.rest.pitch + quantile(awake.map((fit) => fit.gaze[side].pitch), 0.5),
    }; // prettier-ignore
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}
