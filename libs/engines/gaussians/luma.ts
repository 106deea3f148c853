/** Grey pictures as floats, 0..255: what tracking by pixels works on. */
export function lumaOf(rgb: Uint8Array, out = new Float32Array(rgb.length / 3)): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = 0.3 * rgb[3 * i]! + 0.5 * rgb[3 * i + 1]! + 0.2 * rgb[3 * i + 2]!;
  return out;
}

/** Binomial 3 × 3 blur, `times` over; borders keep what they had. Returns one of the two buffers. */
export function blurred(picture: Float32Array, side: number, times: number): Float32Array {
  const tmp = new Float32Array(picture.length);
  let from = picture;
  for (let n = 0; n < times; n++) {
    const to = from.slice();
    for (let y = 0; y < side; y++) {
      tmp[y * side] = from[y * side]!;
      tmp[y * side + side - 1] = from[y * side + side - 1]!;
      for (let i = y * side + 1; i < (y + 1) * side - 1; i++) tmp[i] = (from[i - 1]! + 2 * from[i]! + from[i + 1]!) / 4;
    }
    for (let i = side; i < side * (side - 1); i++) to[i] = (tmp[i - side]! + 2 * tmp[i]! + tmp[i + side]!) / 4;
    from = to;
  }
  return from;
}

/** Mean of 2 × 2 pixels. */
export function halved(picture: Float32Array, side: number): Float32Array {
  const h = side >> 1;
  const out = new Float32Array(h * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < h; x++) {
      const i = 2 * y * side + 2 * x;
      out[y * h + x] = (picture[i]! + picture[i + 1]! + picture[i + side]! + picture[i + side + 1]!) / 4;
    }
  }
  return out;
}

/** Central differences in x and y; 0 on the border. */
export function gradients(picture: Float32Array, side: number, gx: Float32Array, gy: Float32Array): void {
  for (let y = 1; y < side - 1; y++) {
    for (let i = y * side + 1; i < (y + 1) * side - 1; i++) {
      gx[i] = (picture[i + 1]! - picture[i - 1]!) / 2;
      gy[i] = (picture[i + side]! - picture[i - side]!) / 2;
    }
  }
}

/** Bilinear value at a place that is at least one pixel inside. */
export function sample(picture: Float32Array, side: number, x: number, y: number): number {
  const x0 = x | 0;
  const y0 = y | 0;
  const a = x - x0;
  const b = y - y0;
  const o = y0 * side + x0;
  return (
    (picture[o]! * (1 - a) + picture[o + 1]! * a) * (1 - b) + (picture[o + side]! * (1 - a) + picture[o + side + 1]! * a) * b
  );
}
