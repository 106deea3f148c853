const one = new Float32Array(1);
const bits = new Uint32Array(one.buffer);

/** IEEE 754 binary16 of a number, nearest even; beyond ±65504 it is held there. */
export function toHalf(value: number): number {
  one[0] = Math.max(-65504, Math.min(65504, value));
  const f = bits[0]!;
  const sign = (f >>> 16) & 0x8000;
  const exponent = ((f >>> 23) & 0xff) - 112;
  const mantissa = f & 0x7fffff;
  if (exponent <= 0) {
    if (exponent < -10) return sign;
    const shift = 14 - exponent;
    return sign | round((mantissa | 0x800000) >>> 0, shift);
  }
  // Carries of the rounding run into the exponent, as they should.
  return sign | Math.min(0x7bff, (exponent << 10) + round(mantissa, 13));
}

function round(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The number that 16 bits stand for. */
export function fromHalf(h: number): number {
  const exponent = (h >>> 10) & 0x1f;
  const mantissa = h & 0x3ff;
  const value =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? mantissa
          ? NaN
          : Infinity
        : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  return h & 0x8000 ? -value : value;
}

/** The nearest number that survives being stored in 16 bits. */
export const asHalf = (value: number): number => fromHalf(toHalf(value));
