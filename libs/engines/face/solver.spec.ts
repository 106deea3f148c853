import { describe, expect, it } from 'vitest';
import { calibrate } from './calibrate.ts';
import { cameraPlane, FACE_DEPTH } from './camera-plane.ts';
import { COEFFICIENTS, coefficientIndex } from './coefficients.ts';
import { boundedDescent, rotateLocally } from './dense-algebra.ts';
import { CalibrationError } from './face.errors.ts';
import { FaceReader, readClip } from './face-tracker.ts';
import { headModel } from './head-model.ts';
import { landmarkPoints, deform } from './deform.ts';
import { loadHeadAsset } from './head-asset.ts';
import { normalRandom, portraitPose, projectedHead, seededRandom } from './projected-heads.ts';
import { HeadSolver, poseJacobian } from './solver.ts';
import { rotationBetween, solverAccuracy } from './solver-accuracy.ts';
import { applyIdentity, meanSubject, type RigidPose, type Subject } from './subject.ts';

const degrees = 180 / Math.PI;

/** Position in the camera plane at the point's own depth: what the solver's residuals are measured in. */
function inCamera({ R, t }: RigidPose, p: readonly number[]): [number, number, number] {
  return [0, 1, 2].map((k) => R[3 * k]! * p[0]! + R[3 * k + 1]! * p[1]! + R[3 * k + 2]! * p[2]! + t[k]!) as [
    number,
    number,
    number,
  ];
}

describe('derivatives against finite differences', () => {
  const pose = portraitPose({ yaw: 0.3, pitch: -0.2, roll: 0.1 }, 0.8);
  pose.t[0] = pose.t[0]! + 0.07;
  const step = 1e-6;

  it('pose Jacobian: three turns about the head’s axes and three shifts', () => {
    for (const p of [[0.03, 0.02, 0.08], [-0.05, -0.06, 0.04], [0.01, 0.09, 0.02]]) {
      const [X, Y, Z] = inCamera(pose, p);
      const jx = new Float64Array(6);
      const jy = new Float64Array(6);
      jx[3] = 1;
      jy[4] = 1;
      poseJacobian(pose.R, p[0]!, p[1]!, p[2]!, X / Z, Y / Z, jx, jy);
      for (let a = 0; a < 6; a++) {
        const moved = { R: pose.R.slice(), t: pose.t.slice() };
        if (a < 3) rotateLocally(moved.R, a === 0 ? step : 0, a === 1 ? step : 0, a === 2 ? step : 0);
        else moved.t[a - 3] = moved.t[a - 3]! + step;
        const [x, y, z] = inCamera(moved, p);
        expect((Z * (x / z - X / Z)) / step).toBeCloseTo(jx[a]!, 4);
        expect((Z * (y / z - Y / Z)) / step).toBeCloseTo(jy[a]!, 4);
      }
    }
  }); // prettier-ignore

  it('camera plane: the picture of a displaced point', () => {
    const { A } = cameraPlane(pose);
    const p = [0, 0, FACE_DEPTH];
    const [X, Y, Z] = inCamera(pose, p);
    for (let k = 0; k < 3; k++) {
      const [x, y, z] = inCamera(pose, p.map((v, j) => v + (j === k ? step : 0))); // prettier-ignore
      expect((Z * (x / z - X / Z)) / step).toBeCloseTo(A[k]!, 4);
      expect((Z * (y / z - Y / Z)) / step).toBeCloseTo(A[3 + k]!, 4);
    }
  });

  it('landmark columns: the same displacement as the mesh', () => {
    const asset = loadHeadAsset();
    const model = headModel(asset, true);
    const k = coefficientIndex('mouthSmileLeft');
    const coefficients = new Float32Array(52);
    coefficients[k] = 0.7;
    const mesh = landmarkPoints(asset, deform(asset, { coefficients }));
    const linear = model.rest.slice();
    model.units.addTo(linear, coefficients);
    for (let i = 0; i < 3 * 468; i++) expect(linear[i]).toBeCloseTo(mesh[i]!, 4);
  });

  it('Gram matrices: the Hessian of the squared displacement', () => {
    const model = headModel(undefined, true);
    const [k, l] = [coefficientIndex('jawOpen'), coefficientIndex('mouthFunnel')];
    const { A } = cameraPlane(pose);
    const move = (a: number, b: number): number => {
      const d = new Float64Array(3 * 478);
      const w = new Float64Array(52);
      w[k] = a;
      w[l] = b;
      model.units.addTo(d, w);
      let sum = 0;
      for (let i = 0; i < 468; i++) {
        const [x, y, z] = [d[3 * i]!, d[3 * i + 1]!, d[3 * i + 2]!];
        sum += 0.5 * model.weight[i]! * ((A[0] * x + A[1] * y + A[2] * z) ** 2 + (A[3] * x + A[4] * y + A[5] * z) ** 2);
      }
      return sum;
    };
    const H = new Float64Array(4);
    const P = [A[0] ** 2 + A[3] ** 2, A[1] ** 2 + A[4] ** 2, A[2] ** 2 + A[5] ** 2, A[0] * A[1] + A[3] * A[4], A[0] * A[2] + A[3] * A[5], A[1] * A[2] + A[4] * A[5]] as const; // prettier-ignore
    model.units.addHessian(H, [k, l], P);
    const h = 0.1;
    const mixed = (move(h, h) - move(h, 0) - move(0, h) + move(0, 0)) / h ** 2;
    expect(H[1]! / mixed).toBeCloseTo(1, 2);
    expect(H[0]! / ((move(h, 0) - 2 * move(0, 0) + move(-h, 0)) / h ** 2)).toBeCloseTo(1, 2);
    expect(H[1]).toBe(H[2]);
  });

  it('bounded descent ends where no coordinate can improve', () => {
    const r = seededRandom(5);
    const n = 8;
    const M = Float64Array.from({ length: n * n }, () => normalRandom(r));
    const H = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) H[i * n + j]! += M[i * n + k]! * M[j * n + k]!;
    for (let i = 0; i < n; i++) H[i * n + i]! += 1;
    const g = Float64Array.from({ length: n }, () => 3 * normalRandom(r));
    const d = new Float64Array(n);
    boundedDescent(H, g, d, new Float64Array(n).fill(-0.3), new Float64Array(n).fill(0.3), 500);
    for (let k = 0; k < n; k++) {
      let slope = -g[k]!;
      for (let j = 0; j < n; j++) slope += H[k * n + j]! * d[j]!;
      if (d[k]! > -0.3 && d[k]! < 0.3) expect(Math.abs(slope)).toBeLessThan(1e-2);
      else expect(Math.sign(slope)).toBe(d[k]! < 0 ? 1 : -1);
    }
  });
});

/** The person's true rest face and camera, as if calibration had been perfect. */
function knownSubject(head: ReturnType<typeof projectedHead>): Subject {
  const model = headModel(undefined, true);
  const subject = meanSubject(model, head.camera);
  subject.identity.set(head.identity);
  applyIdentity(model, subject);
  return subject;
}

describe('the solver on exact projections', () => {
  it('finds pose and coefficients of a known person from a cold start', () => {
    const head = projectedHead(71, { frames: 12, neutral: 1 });
    const solver = new HeadSolver(headModel(undefined, true));
    const subject = knownSubject(head);
    for (const { points, pose, coefficients } of head.frames) {
      const fit = solver.solve(subject, points);
      expect(Math.hypot(...rotationBetween(pose.R, fit.pose.R)) * degrees).toBeLessThan(2);
      expect(fit.units[coefficientIndex('jawOpen')]).toBeCloseTo(coefficients[coefficientIndex('jawOpen')]!, 0);
      expect(fit.residual).toBeLessThan(0.0015);
    }
  });

  it('reads people it has to calibrate first (mean r above .85)', () => {
    const accuracy = solverAccuracy({ people: 2, frames: 30 });
    expect(accuracy.meanR).toBeGreaterThan(0.85);
    expect(accuracy.rotation90).toBeLessThan(2);
    const of = (name: (typeof COEFFICIENTS)[number]) => accuracy.r[coefficientIndex(name)]!;
    expect(of('jawOpen')).toBeGreaterThan(0.95);
    expect(of('mouthSmileLeft')).toBeGreaterThan(0.9);
    expect(of('browInnerUp')).toBeGreaterThan(0.9);
    expect(of('eyeLookOutLeft')).toBeGreaterThan(0.8);
  });

  it('knows left from right', () => {
    const asset = loadHeadAsset();
    const model = headModel(asset, true);
    const solver = new HeadSolver(model);
    const head = projectedHead(72, { frames: 1 });
    const subject = knownSubject(head);
    const smile = new Float32Array(52);
    smile[coefficientIndex('mouthSmileLeft')] = 0.8;
    const p = landmarkPoints(asset, deform(asset, { identity: head.identity, coefficients: smile }));
    const pose = portraitPose({ yaw: 0, pitch: 0, roll: 0 }, 0.9);
    const points = new Float32Array(p.length);
    for (let i = 0; i < p.length; i += 3) {
      const [X, Y, Z] = inCamera(pose, [p[i]!, p[i + 1]!, p[i + 2]!]);
      points.set([head.camera.cx - (head.camera.focal * X) / Z, head.camera.cy + (head.camera.focal * Y) / Z, 0], i);
    }
    const { units } = solver.solve(subject, points);
    expect(units[coefficientIndex('mouthSmileLeft')]).toBeGreaterThan(0.5);
    expect(units[coefficientIndex('mouthSmileRight')]).toBeLessThan(0.15);
  });

  it('refuses to calibrate on next to nothing', () => {
    const { frames } = projectedHead(73, { frames: 3 });
    const call = () => calibrate(headModel(), { frames: frames.map((f) => f.points), width: 512, height: 512 });
    expect(call).toThrow(CalibrationError);
  });
});

describe('reading a clip', () => {
  const head = projectedHead(81, { frames: 40, neutral: 8, noise: 0.3 });
  const clip = head.frames.map(({ points }, n) => ({ time: n / 25, points: n === 0 || n === 20 ? null : points }));
  const options = { size: 512, fps: 25, neutralSeconds: 0.3 };
  const { frames, subject } = readClip(clip, options);

  it('repeats the last good frame where no face was found', () => {
    expect(frames).toHaveLength(40);
    expect(frames[0]).toBe(frames[1]);
    expect(frames[20]).toBe(frames[19]);
    expect(frames[21]).not.toBe(frames[20]);
  });

  it('smooths a live drive with the very filter that training used', () => {
    const reader = new FaceReader(subject, 512, 25);
    clip.forEach(({ points }, n) => {
      if (!points) return reader.forget();
      const live = reader.next(points);
      expect(live.coefficients).toEqual(frames[n]!.coefficients);
      expect(live.pose).toEqual(frames[n]!.pose);
    });
  });

  it('keeps every coefficient in 0..1', () => {
    for (const { coefficients } of frames) for (const v of coefficients) expect(v >= 0 && v <= 1).toBe(true);
  });
});
