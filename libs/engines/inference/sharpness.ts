/**
 * Variance of the Laplacian of luma (0..255) over the middle half of a face crop, RGB 0..1. The crop has the same size on every face,
 * so figures of near and far faces compare: under about 15 a face is too soft to say who it is.
 */
export function faceSharpness({ data, side }: { data: Float32Array; side: number }): number {
  const from = side >> 2;
  const to = side - from;
  const width = to - from + 2;
  const luma = new Float32Array(width * width);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      const q = 3 * ((from + y - 1) * side + from + x - 1);
      luma[y * width + x] = 255 * (0.2126 * data[q]! + 0.7152 * data[q + 1]! + 0.0722 * data[q + 2]!);
    }
  }
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < width - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const l = luma[i - 1]! + luma[i + 1]! + luma[i - width]! + luma[i + width]! - 4 * luma[i]!;
      sum += l;
      squares += l * l;
    }
  }
  const n = (width - 2) * (width - 2);
  return squares / n - (sum / n) ** 2;
}
