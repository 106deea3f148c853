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
 * Measured on the cast in four ordinary lights: 53 for the darkest skin, 131 for the lightest; with gamma 0.3 at most 43. So near each
 * other that the reading is advice, and never a lock (ADR 0092).
 */
const DARK = 46;
const BRIGHT = 212;
const BURNT = 0.22;
const UNEVEN = 0.62;
/** Every picture of a head has shadows: hair, eyes, nostrils. Where less than this share is dark, the light has washed them out. */
const SHADOW = 0.02;

/**
 * Judges the light from a small picture. It looks at the middle (half the width, four fifths of the height): without a face detector
 * that is where a person who looks into a phone is.
 */
export function readLight(rgba: Uint8ClampedArray, width: number, height: number): LightReading {
  const sum = [0, 0];
  const white = [0, 0];
  let shadow = 0;
  let count = 0;
  for (let y = Math.floor(height * 0.1); y < Math.floor(height * 0.9); y++)
    for (let x = Math.floor(width * 0.25); x < Math.floor(width * 0.75); x++) {
      const i = (y * width + x) * 4;
      const luma = 0.2126 * rgba[i]! + 0.7152 * rgba[i + 1]! + 0.0722 * rgba[i + 2]!;
      const side = x < width / 2 ? 0 : 1;
      sum[side] += luma;
      if (luma > 248) white[side]++;
      if (luma < 100) shadow++;
      count++;
    }
  const level = (sum[0]! + sum[1]!) / count;
  const burnt = (white[0]! + white[1]!) / count;
  const unevenness = (2 * Math.abs(sum[0]! - sum[1]!)) / Math.max(1, sum[0]! + sum[1]!);
  const burntOneSide = (2 * Math.abs(white[0]! - white[1]!)) / count;
  return { slug: judge(level, burnt, unevenness, burntOneSide, shadow / count), level, burnt, unevenness };
}

function judge(level: number, burnt: number, unevenness: number, burntOneSide: number, shadow: number): LightReading['slug'] {
  if (level < DARK) return 'too-dark'; // first: in the dark, one lit cheek is all the difference there is
  if (unevenness > UNEVEN || burntOneSide > 0.5) return 'uneven-light';
  return burnt > BURNT || level > BRIGHT || shadow < SHADOW ? 'too-bright' : null;
}
