import type { RgbFrame } from '#kernel';

/** BT.709 luma of packed RGB. */
export function lumaOf(frame: Pick<RgbFrame, 'width' | 'height' | 'data'>): Float32Array {
  const luma = new Float32Array(frame.width * frame.height);
  const { data } = frame;
  for (let i = 0, p = 0; i < luma.length; i++, p += 3)
    luma[i] = 0.2126 * data[p]! + 0.7152 * data[p + 1]! + 0.0722 * data[p + 2]!;
  return luma;
}

/** Area average of a plane into a smaller one: every source pixel counts with the share it covers. */
export function areaAverage(
  source: Float32Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Float32Array {
  if (width === toWidth && height === toHeight) return source;
  const rows = new Float32Array(toWidth * height);
  const spread = (from: number, to: number, add: (source: number, target: number, share: number) => void): void => {
    for (let t = 0; t < to; t++) {
      const start = (t * from) / to;
      const end = ((t + 1) * from) / to;
      for (let s = Math.floor(start); s < Math.min(from, Math.ceil(end)); s++)
        add(s, t, (Math.min(end, s + 1) - Math.max(start, s)) / (end - start));
    }
  };
  spread(width, toWidth, (s, t, share) => {
    for (let y = 0; y < height; y++) rows[y * toWidth + t] = rows[y * toWidth + t]! + share * source[y * width + s]!;
  });
  const result = new Float32Array(toWidth * toHeight);
  spread(height, toHeight, (s, t, share) => {
    for (let x = 0; x < toWidth; x++) result[t * toWidth + x] = result[t * toWidth + x]! + share * rows[s * toWidth + x]!;
  });
  return result;
}

/** Mean over a (2r+1)² box, cut at the borders. */
export function boxMean(source: Float32Array, width: number, height: number, radius: number): Float32Array {
  const across = new Float32Array(source.length);
  for (let y = 0; y < height; y++) runningMean(source, across, y * width, 1, width, radius);
  const result = new Float32Array(source.length);
  for (let x = 0; x < width; x++) runningMean(across, result, x, width, height, radius);
  return result;
}

function runningMean(from: Float32Array, to: Float32Array, start: number, stride: number, count: number, radius: number): void {
  let sum = 0;
  let n = 0;
  for (let i = 0; i < Math.min(radius, count); i++, n++) sum += from[start + i * stride]!;
  for (let i = 0; i < count; i++) {
    if (i + radius < count) {
      sum += from[start + (i + radius) * stride]!;
      n++;
    }
    if (i - radius - 1 >= 0) {
      sum -= from[start + (i - radius - 1) * stride]!;
      n--;
    }
    to[start + i * stride] = sum / n;
  }
}
