import { cameraPlane, visibility } from './camera-plane.ts';
import { COEFFICIENT_COUNT, COEFFICIENTS } from './coefficients.ts';
import type { HeadModel } from './head-model.ts';
import { SKIN_POINTS } from './landmark-groups.ts';
import type { HeadFit, Subject } from './subject.ts';

/** Displacements of 468 points, the solver's units, 4 gaze angles, 2 lid gaps, 1, and one unused. */
const FEATURES = 3 * SKIN_POINTS + COEFFICIENT_COUNT + 8;
const HUBER = 0.006;

/**
 * Residuals of the landmarks against the rest face (plus `units`, where given) in the camera plane: per point x, y in metres and a
 * weight of visibility and plausibility, 3 × 478.
 */
export function planeResiduals(
  model: HeadModel,
  subject: Subject,
  pose: HeadFit['pose'],
  points: ArrayLike<number>,
  units?: ArrayLike<number>,
): Float64Array {
  const { R, t } = pose;
  const { towards } = cameraPlane(pose);
  const p = units ? subject.rest.slice() : subject.rest;
  if (units) model.units.addTo(p, units);
  const e = new Float64Array(p.length);
  for (let i = 0; i < SKIN_POINTS; i++) {
    const o = 3 * i;
    const [x, y, z] = [p[o]!, p[o + 1]!, p[o + 2]!];
    const Z = R[6]! * x + R[7]! * y + R[8]! * z + t[2]!;
    const k = -Z / subject.focal;
    e[o] = (points[o]! - subject.cx) * k - (R[0]! * x + R[1]! * y + R[2]! * z + t[0]!);
    e[o + 1] = -(points[o + 1]! - subject.cy) * k - (R[3]! * x + R[4]! * y + R[5]! * z + t[1]!);
    e[o + 2] = visibility(model, i, towards) * Math.min(1, HUBER / Math.hypot(e[o]!, e[o + 1]!));
  }
  return e;
}

const features = new Float64Array(FEATURES);

/** What the linear reading looks at: displacements in head axes, weighted by each point's reliability, and the solver's answer. */
function readFeatures(model: HeadModel, subject: Subject, fit: HeadFit, points: ArrayLike<number>): Float64Array {
  const e = planeResiduals(model, subject, fit.pose, points);
  const { A } = cameraPlane(fit.pose);
  for (let i = 0; i < SKIN_POINTS; i++) {
    const o = 3 * i;
    const w = Math.sqrt(model.weight[i]! * e[o + 2]!);
    for (let c = 0; c < 3; c++) features[o + c] = w * (A[c]! * e[o]! + A[3 + c]! * e[o + 1]!);
  }
  const rest = 3 * SKIN_POINTS;
  for (let k = 0; k < COEFFICIENT_COUNT; k++) features[rest + k] = 6 * fit.units[k]!;
  const { left, right } = fit.gaze;
  const gaze = [8 * left.yaw, 8 * left.pitch, 8 * right.yaw, 8 * right.pitch];
  features.set([...gaze, 4 * fit.aperture.left, 4 * fit.aperture.right, 1, 0], rest + COEFFICIENT_COUNT);
  return features;
}

/**
 * The coefficients to drive with: half the solver's, half a linear reading trained on our own renders only. The mean of both is
 * better than either, on renders and on real clips (mean r .50 against .41 and on real clips .70 against .65 for the solver alone).
 * Lids and gaze stay the solver's; the tongue stays 0: no landmark shows it. 0.2 ms.
 */
export function blendCoefficients(model: HeadModel, subject: Subject, fit: HeadFit, points: ArrayLike<number>): Float32Array {
  const { weights, mean } = model.asset.regressor;
  const x = readFeatures(model, subject, fit, points);
  const out = new Float32Array(COEFFICIENT_COUNT);
  for (let k = 0; k < COEFFICIENT_COUNT; k++) {
    const kind = blendKind(k);
    if (kind === 'unseen') continue;
    out[k] = fit.units[k]!;
    if (kind === 'solver') continue;
    let v = mean[k]!;
    const o = k * FEATURES;
    for (let d = 0; d < FEATURES; d++) v += weights[o + d]! * x[d]!;
    out[k] = 0.5 * (fit.units[k]! + Math.max(0, Math.min(1, v)));
  }
  return out;
}

const KINDS = COEFFICIENTS.map((name) => (name === 'tongueOut' ? 'unseen' : /^eye(Blink|Look)/.test(name) ? 'solver' : 'both'));
const blendKind = (k: number): (typeof KINDS)[number] => KINDS[k]!;
