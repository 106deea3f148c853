import { deform, express, landmarkPoints } from './deform.ts';
import { type HeadAsset, loadHeadAsset } from './head-asset.ts';
import { eyeDistance } from './head-pose.ts';
import { measure } from './measures.ts';
import type { TrackCalibration } from './track.ts';

/**
 * The 22 landmark measures that a drive stands for on one person's head. A pure function of named coefficients, so a model may be
 * driven by measures and still by nothing that a render request could not carry. 0.4 ms per frame.
 */
export class DriveMeasures {
  private readonly bare: Float32Array;
  private readonly vertices: Float32Array;
  /** What calibration moved each point by, beyond identity. */
  private readonly offset: Float64Array;
  private readonly unit: number;

  constructor(
    { identity, rest }: Pick<TrackCalibration, 'identity' | 'rest'>,
    private readonly asset: HeadAsset = loadHeadAsset(),
  ) {
    this.bare = deform(asset, { identity });
    this.vertices = this.bare.slice();
    const points = landmarkPoints(asset, this.bare);
    this.offset = Float64Array.from(points, (v, i) => rest[i]! - v);
    this.unit = eyeDistance(rest);
  }

  /** In the order of `MEASURES`, in units of the outer eye corners' distance. */
  read(coefficients: ArrayLike<number>): Float64Array {
    this.vertices.set(this.bare);
    const points = landmarkPoints(this.asset, express(this.asset, this.vertices, coefficients));
    // Head axes to picture axes: y runs down, smaller z is nearer.
    const shape = Float64Array.from(points, (v, i) => ((i % 3 === 0 ? 1 : -1) * (v + this.offset[i]!)) / this.unit);
    return measure(shape);
  }
}
