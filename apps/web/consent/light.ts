/** What the camera check says about the light. Figures are levels of 0 to 255 and shares of 0 to 1. */
export interface LightReading {
  readonly slug: 'too-dark' | 'too-bright' | 'uneven-light' | null;
  /** Mean luma of the middle, where the head is. */
  readonly level: number;
  /** Share of the middle that is burnt out. */
  readonly burnt: number;
  /** Difference of the two halves of the middle, in parts of their mean. */
  readonly unevenness: number;
}

/**
 * Below this mean the middle is noise on a phone's camera. It is the level of a lit room seen by a webcam that has given up, far
 * below dark skin in ordinary light: the reading is advice, and never a lock (ADR 0092).
 */
const DARK = 36;
const BRIGHT = 212;
const BURNT = 0.22;
const UNEVEN = 0.62;

/**
 * Judges the light from a small picture. It looks at the middle (half the width, four fifths of the height): without a face detector
 * that is where a person who looks into a phone is.
 */
export function readLight(rgba: Uint8ClampedArray, width: number, height: number): LightReading {
  const sum = [0, 0];
  const white = [0, 0];
  let count = 0;
  for (let y = Math.floor(height * 0.1); y < Math.floor(height * 0.9); y++)
    for (let x = Math.floor(width * 0.25); x < Math.floor(width * 0.75); x++) {
      const i = (y * width + x) * 4;
      const luma = 0.2126 * rgba[i]! + 0.7152 * rgba[i + 1]! + 0.0722 * rgba[i + 2]!;
      const side = x < width / 2 ? 0 : 1;
      sum[side] += luma;
      if (luma > 248) white[side]++;
      count++;
    }
  const level = (sum[0]! + sum[1]!) / count;
  const burnt = (white[0]! + white[1]!) / count;
  const unevenness = (2 * Math.abs(sum[0]! - sum[1]!)) / Math.max(1, sum[0]! + sum[1]!);
  const burntOneSide = (2 * Math.abs(white[0]! - white[1]!)) / count;
  return { slug: judge(level, burnt, unevenness, burntOneSide), level, burnt, unevenness };
}

function judge(level: number, burnt: number, unevenness: number, burntOneSide: number): LightReading['slug'] {
  if (unevenness > UNEVEN || burntOneSide > 0.5) return 'uneven-light';
  if (burnt > BURNT || level > BRIGHT) return 'too-bright';
  return level < DARK ? 'too-dark' : null;
}
