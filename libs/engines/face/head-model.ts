import { COEFFICIENTS, COEFFICIENT_COUNT, coefficientIndex } from './coefficients.ts';
import { landmarkPoints, vertexNormals } from './deform.ts';
import { type HeadAsset, loadHeadAsset } from './head-asset.ts';
import { LandmarkColumns, targetAtLandmarks } from './landmark-columns.ts';
import { LEFT_LID_RIM, LIPS, OVAL, POINT_COUNT, RIGHT_LID_RIM, SKIN_POINTS } from './landmark-groups.ts';

/** Neighbouring points err together: this share of them counts as independent observations. */
const INDEPENDENCE = 0.12;
/** How far the mouth and jaw units are moved from the mesh's geometry to what the net was seen to show of them. */
const OBSERVED_SHARE = 0.5;

/** Which units the solver determines, and with which prior. */
export interface HeadModel {
  readonly asset: HeadAsset;
  /** The 478 points of the mean head and their normals, 3 each. */
  readonly rest: Float64Array;
  readonly normals: Float64Array;
  /** 1 / variance per point in 1 / m²; 0 for points not used. */
  readonly weight: Float64Array;
  /** 52 units, then the modes of correlated landmark error (unbounded unknowns of unit variance). */
  readonly units: LandmarkColumns;
  readonly modes: number;
  readonly identity: LandmarkColumns;
  /** Units found by Gauss-Newton: all but gaze (from the irises) and the tongue (no landmark shows it). */
  readonly solved: readonly number[];
}

const models = new Map<string, HeadModel>();

/**
 * The solver's linear model of the head, made once (0.3 s). `geometric`: the units as the mesh has them, without what the landmark
 * net was observed to show: right for exact projections, worse on real landmarks (mean r .36 against .41 on synthetic truth).
 */
export function headModel(asset: HeadAsset = loadHeadAsset(), geometric = false): HeadModel {
  const key = `${asset.sha256}/${geometric}`;
  let model = models.get(key);
  if (!model) models.set(key, (model = makeModel(asset, geometric)));
  return model;
}

function makeModel(asset: HeadAsset, geometric: boolean): HeadModel {
  const weight = pointWeights(asset);
  const dense = asset.units.map((target) => targetAtLandmarks(asset, target));
  const { units: seen, modes } = asset.observation;
  // Brows and lids keep their geometry: the net answers to real ones better than to the drawn ones it was observed on.
  const observed = dense.map((geometry, k) =>
    /^(mouth|jaw)/.test(COEFFICIENTS[k]!) ? geometry.map((v, i) => v + OBSERVED_SHARE * (seen[k]![i]! - v)) : geometry,
  );
  return {
    asset,
    rest: Float64Array.from(landmarkPoints(asset, asset.positions)),
    normals: Float64Array.from(landmarkPoints(asset, vertexNormals(asset, asset.positions))),
    weight,
    units: geometric ? new LandmarkColumns(dense, weight) : new LandmarkColumns([...observed, ...modes], weight, 2.5e-4),
    modes: geometric ? 0 : modes.length,
    identity: new LandmarkColumns(
      asset.identity.map((target) => targetAtLandmarks(asset, target)),
      weight,
    ),
    solved: COEFFICIENTS.flatMap((name, k) => (name.startsWith('eyeLook') || name === 'tongueOut' ? [] : [k])),
  };
}

/** Expected error per point after calibration: 0.9 mm on lids and lips, 4 mm where the outline slides along the skin. */
function pointWeights(asset: HeadAsset): Float64Array {
  const lids = new Set([...LEFT_LID_RIM, ...RIGHT_LID_RIM]);
  const lips = new Set(LIPS);
  const oval = new Set(OVAL);
  const weight = new Float64Array(POINT_COUNT);
  for (let i = 0; i < SKIN_POINTS; i++) {
    const sigma = asset.landmarks.sigma[i]!;
    if (sigma === 0) continue;
    const noise = lips.has(i) || lids.has(i) ? 0.0009 : oval.has(i) ? 0.004 : Math.max(0.0012, 0.45 * sigma);
    weight[i] = INDEPENDENCE / noise ** 2;
  }
  return weight;
}

/** How strongly a unit is held at 0: units that 2-d landmarks hardly show are held most. */
export function unitRidge(k: number): number {
  const name = COEFFICIENTS[k]!;
  if (/^(cheekPuff|jawForward)$/.test(name)) return 120;
  if (/^(noseSneer|cheekSquint|mouthShrug|mouthRoll|mouthDimple|mouthPress)/.test(name)) return 12;
  return name === 'mouthClose' ? 10 : 5;
}

export const BLINK = { left: coefficientIndex('eyeBlinkLeft'), right: coefficientIndex('eyeBlinkRight') } as const;
export const WIDE = { left: coefficientIndex('eyeWideLeft'), right: coefficientIndex('eyeWideRight') } as const;
export const LOOK_DOWN = { left: coefficientIndex('eyeLookDownLeft'), right: coefficientIndex('eyeLookDownRight') } as const;
export const LOOK_UP = { left: coefficientIndex('eyeLookUpLeft'), right: coefficientIndex('eyeLookUpRight') } as const;

/** Length of the solver's unknown vector. */
export const unknownsOf = (model: HeadModel): number => COEFFICIENT_COUNT + model.modes;
