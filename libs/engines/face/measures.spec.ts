import { describe, expect, it } from 'vitest';
import { type CoefficientName, coefficientsOf } from './coefficients.ts';
import { deform, landmarkPoints } from './deform.ts';
import { DriveMeasures } from './drive-measures.ts';
import { loadHeadAsset } from './head-asset.ts';
import { learnTemplate, measure, MEASURES, measureRegion, type MeasureName, readMeasures } from './measures.ts';
import { rotationOf } from './head-pose.ts';

const asset = loadHeadAsset();

/** Landmarks as a scaled-orthographic camera sees them: y down, smaller z nearer. */
function picture(
  coefficients: Float32Array,
  { yaw = 0, pitch = 0, roll = 0, scale = 1500, x = 250, y = 260 } = {},
): Float32Array {
  const p = landmarkPoints(asset, deform(asset, { coefficients }));
  const R = rotationOf({ yaw, pitch, roll });
  const out = new Float32Array(p.length);
  for (let i = 0; i < p.length; i += 3) {
    const q = [0, 1, 2].map((k) => R[3 * k]! * p[i]! + R[3 * k + 1]! * p[i + 1]! + R[3 * k + 2]! * p[i + 2]!);
    out.set([x + scale * q[0]!, y - scale * q[1]!, -scale * q[2]!], i);
  }
  return out;
}

const measureOfRest = new DriveMeasures({
  identity: new Float64Array(asset.identity.length),
  rest: Float64Array.from(landmarkPoints(asset, deform(asset))),
}).read(new Float32Array(52));
const rest = picture(coefficientsOf({}));
const template = learnTemplate([rest, picture(coefficientsOf({}), { yaw: 0.1 }), picture(coefficientsOf({}), { pitch: 0.1 })]);
/** The template stands upright by its forehead and chin, the asset by its own axes: measures along y and z differ by a constant tilt. */
const offsets = MEASURES.map((_, k) => measureOfRest[k]! - readMeasures(template, rest).values[k]!);
const reading = (name: MeasureName, coefficients: Partial<Record<CoefficientName, number>>): number =>
  readMeasures(template, picture(coefficientsOf(coefficients))).values[MEASURES.indexOf(name)]!;

describe('landmark measures', () => {
  it('are 22, each in a region', () => {
    expect(MEASURES).toHaveLength(22);
    expect(MEASURES.filter((name) => measureRegion(name) === 'mouth')).toHaveLength(11);
    expect(measure(template.shape)).toHaveLength(22);
  });

  it('do not change with the pose of the head', () => {
    const expression = coefficientsOf({ jawOpen: 0.4, mouthSmileLeft: 0.5, browInnerUp: 0.3 });
    const front = readMeasures(template, picture(expression));
    const turned = readMeasures(
      template,
      picture(expression, { yaw: 0.35, pitch: -0.2, roll: 0.3, scale: 1100, x: 100, y: 300 }),
      undefined,
    );
    turned.values.forEach((v, k) => expect(Math.abs(v - front.values[k]!), MEASURES[k]).toBeLessThan(0.012));
    expect(turned.pose.s / front.pose.s).toBeCloseTo(1100 / 1500, 2);
  });

  it.each<[MeasureName, Partial<Record<CoefficientName, number>>, 1 | -1]>([
    ['jawOpen', { jawOpen: 0.6 }, 1],
    ['lipGap', { jawOpen: 0.6 }, 1],
    ['mouthWide', { mouthStretchLeft: 0.8, mouthStretchRight: 0.8 }, 1],
    ['mouthWide', { mouthPucker: 0.8 }, -1],
    ['smileR', { mouthSmileLeft: 0.8 }, 1], // R is the picture's right: the subject's left
    ['smileL', { mouthSmileRight: 0.8 }, 1],
    ['pucker', { mouthPucker: 0.8 }, -1], // on this mesh the corners come forward with the lips
    ['mouthShift', { mouthLeft: 0.8 }, 1],
    ['blinkL', { eyeBlinkRight: 1 }, 1],
    ['blinkR', { eyeBlinkLeft: 1 }, 1],
    ['browInnerL', { browInnerUp: 0.8 }, 1],
    ['browOuterR', { browOuterUpLeft: 0.8 }, 1],
    ['browFurrow', { browDownLeft: 0.8, browDownRight: 0.8 }, 1],
    ['gazeX', { eyeLookOutLeft: 0.8, eyeLookInRight: 0.8 }, 1],
    ['gazeY', { eyeLookDownLeft: 0.8, eyeLookDownRight: 0.8 }, 1],
  ])('%s follows %o', (name, coefficients, sign) => {
    expect(sign * (reading(name, coefficients) - reading(name, {}))).toBeGreaterThan(0.005);
  });

  it('can be had from named coefficients alone, on a person’s own rest face', () => {
    const identity = new Float64Array(asset.identity.length);
    const points = Float64Array.from(landmarkPoints(asset, deform(asset)));
    const measures = new DriveMeasures({ identity, rest: points });
    for (const coefficients of [{}, { jawOpen: 0.5, eyeBlinkLeft: 1 }, { eyeLookInLeft: 0.5, eyeLookOutRight: 0.5 }]) {
      const vector = coefficientsOf(coefficients);
      const direct = readMeasures(template, picture(vector)).values;
      const derived = measures.read(vector);
      derived.forEach((v, k) => expect(Math.abs(v - direct[k]! - offsets[k]!), MEASURES[k]).toBeLessThan(0.012));
    }
  });

  it('needs at least one frame for a template', () => {
    expect(() => learnTemplate([])).toThrow(RangeError);
  });
});
