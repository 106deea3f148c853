/**
 * One-Euro filter over a vector: low lag when fast, low jitter when still (Casiez 2012). The same numbers smooth a track in training
 * and a live drive at run time; a model must not see a smoother signal than it was trained on.
 */
export class OneEuro {
  private x?: Float64Array;
  private dx?: Float64Array;

  constructor(
    /** Frames per second. */
    private readonly rate: number,
    /** Hz when still. */
    private readonly minCutoff: number,
    /** Hz more per unit of speed (units per second). */
    private readonly beta: number,
    private readonly dCutoff = 1,
  ) {}

  /** The filtered vector: the same array each time, valid until the next call. */
  next(v: ArrayLike<number>): Float64Array {
    if (!this.x || !this.dx) {
      this.dx = new Float64Array(v.length);
      return (this.x = Float64Array.from(v));
    }
    const ad = this.alpha(this.dCutoff);
    for (let i = 0; i < v.length; i++) {
      this.dx[i] = this.dx[i]! + ad * ((v[i]! - this.x[i]!) * this.rate - this.dx[i]!);
      this.x[i] = this.x[i]! + this.alpha(this.minCutoff + this.beta * Math.abs(this.dx[i]!)) * (v[i]! - this.x[i]!);
    }
    return this.x;
  }

  private alpha(cutoff: number): number {
    const r = (2 * Math.PI * cutoff) / this.rate;
    return r / (r + 1);
  }
}
