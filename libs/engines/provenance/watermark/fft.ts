/** In-place complex radix-2 FFT of a fixed power-of-two size; rows and square planes. Not normalised: divide by n (or n²) after the inverse. */
export class Fft {
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  readonly #reversed: Uint32Array;

  constructor(readonly n: number) {
    const bits = Math.log2(n);
    this.#cos = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    this.#sin = Float64Array.from({ length: n / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    this.#reversed = Uint32Array.from({ length: n }, (_, i) => {
      let r = 0;
      for (let b = 0; b < bits; b++) if (((i >> b) & 1) === 1) r |= 1 << (bits - 1 - b);
      return r;
    });
  }

  /** Transforms `re`/`im` at `offset`. */
  run(re: Float64Array, im: Float64Array, offset: number, inverse: boolean): void {
    const n = this.n;
    const sign = inverse ? 1 : -1;
    for (let i = 0; i < n; i++) {
      const j = this.#reversed[i]!;
      if (j <= i) continue;
      const a = offset + i;
      const b = offset + j;
      const r = re[a]!;
      re[a] = re[b]!;
      re[b] = r;
      const m = im[a]!;
      im[a] = im[b]!;
      im[b] = m;
    }
    for (let half = 1, stride = n >> 1; half < n; half <<= 1, stride >>= 1) {
      for (let i = offset; i < offset + n; i += 2 * half) {
        for (let j = 0, k = 0; j < half; j++, k += stride) {
          const wr = this.#cos[k]!;
          const wi = sign * this.#sin[k]!;
          const a = i + j;
          const b = a + half;
          const xr = re[b]! * wr - im[b]! * wi;
          const xi = re[b]! * wi + im[b]! * wr;
          re[b] = re[a]! - xr;
          im[b] = im[a]! - xi;
          re[a] = re[a]! + xr;
          im[a] = im[a]! + xi;
        }
      }
    }
  }

  /** A whole n × n plane. The frequency plane comes out transposed, the same way for every plane, so products and inverses agree. */
  plane(re: Float64Array, im: Float64Array, inverse: boolean): void {
    // A picture fills part of the plane: rows of zeros stay zeros.
    for (let y = 0; y < this.n; y++) if (!this.#isZero(re, im, y * this.n)) this.run(re, im, y * this.n, inverse);
    this.#transpose(re);
    this.#transpose(im);
    for (let y = 0; y < this.n; y++) this.run(re, im, y * this.n, inverse);
  }

  #isZero(re: Float64Array, im: Float64Array, offset: number): boolean {
    for (let i = offset; i < offset + this.n; i++) if (re[i] !== 0 || im[i] !== 0) return false;
    return true;
  }

  #transpose(plane: Float64Array): void {
    const n = this.n;
    const tile = 16; // keeps both sides of the exchange in cache
    for (let i0 = 0; i0 < n; i0 += tile) {
      for (let j0 = i0; j0 < n; j0 += tile) {
        for (let i = i0; i < i0 + tile; i++) {
          for (let j = i0 === j0 ? i + 1 : j0; j < j0 + tile; j++) {
            const held = plane[i * n + j]!;
            plane[i * n + j] = plane[j * n + i]!;
            plane[j * n + i] = held;
          }
        }
      }
    }
  }
}
