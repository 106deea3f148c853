/** A picture's size in pixels. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** How the coded picture must be turned to be seen upright: one of the eight symmetries of a rectangle. */
export type Orientation =
  'upright' | 'mirrored' | 'half-turn' | 'flipped' | 'clockwise' | 'counter-clockwise' | 'transposed' | 'anti-transposed';

/** ffmpeg filters per orientation. We turn pictures ourselves (`-noautorotate`), so that 2018 and today agree, mirrors included. */
export const ORIENTATION_FILTERS: Readonly<Record<Orientation, readonly string[]>> = {
  upright: [],
  mirrored: ['hflip'],
  flipped: ['vflip'],
  'half-turn': ['hflip', 'vflip'],
  clockwise: ['transpose=clock'],
  'counter-clockwise': ['transpose=cclock'],
  transposed: ['transpose=cclock_flip'],
  'anti-transposed': ['transpose=clock_flip'],
};

export const swapsSides = (orientation: Orientation): boolean =>
  ['clockwise', 'counter-clockwise', 'transposed', 'anti-transposed'].includes(orientation);

/**
 * Reads ffprobe's print of a display matrix (ISO/IEC 14496-12 §6.2.2, 16.16 fixed point): x' = ax + cy, y' = bx + dy.
 * Angles between the right ones go to the nearest.
 */
export function orientationOf(displayMatrix: string | undefined): Orientation {
  const rows = [...(displayMatrix ?? '').matchAll(/^[0-9a-f]{8}:\s+(-?\d+)\s+(-?\d+)\s+(-?\d+)/gm)];
  if (rows.length < 2) return 'upright';
  const [a, b, c, d] = [rows[0]![1], rows[0]![2], rows[1]![1], rows[1]![2]].map(Number) as [number, number, number, number];
  if (Math.abs(a) + Math.abs(d) >= Math.abs(b) + Math.abs(c))
    return a >= 0 ? (d >= 0 ? 'upright' : 'flipped') : d >= 0 ? 'mirrored' : 'half-turn';
  if (b > 0) return c < 0 ? 'clockwise' : 'transposed';
  return c > 0 ? 'counter-clockwise' : 'anti-transposed';
}

/** `4:3` → 4/3. Unknown (`0:1`, absent, absurd) is square. */
export function pixelAspect(text: string | undefined): number {
  const [num = 0, den = 0] = (text ?? '').split(':').map(Number);
  const ratio = num / den;
  return Number.isFinite(ratio) && ratio >= 0.1 && ratio <= 10 ? ratio : 1;
}

/** Coded size → size on a screen with square pixels. The width stretches, as players do it; then the turn. */
export function displaySize(coded: PixelSize, aspect: number, orientation: Orientation): PixelSize {
  const width = Math.round(coded.width * aspect);
  return swapsSides(orientation) ? { width: coded.height, height: width } : { width, height: coded.height };
}

/** Even, at least 2: what 4:2:0 codecs can hold (FT-07). */
export const evenSide = (side: number): number => Math.max(2, Math.round(side / 2) * 2);

/** The largest even size within `longest` that keeps the shape; never larger than the source. */
export function workingSize(source: PixelSize, longest: number): PixelSize {
  const ratio = Math.min(1, longest / Math.max(source.width, source.height));
  return { width: evenSide(source.width * ratio), height: evenSide(source.height * ratio) };
}

/** A rectangle in display pixels; it may reach beyond the picture, what lies outside is black. */
export interface DisplayCrop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Filters from the turned, coded picture to exactly `out` pixels of `crop`.
 * `turned` is the coded size after the turn, `display` the size on screen. `scale` renders the size filter with its colour options.
 */
export function cropAndScale(
  turned: PixelSize,
  display: PixelSize,
  crop: DisplayCrop,
  out: PixelSize,
  scale: (width: number, height: number) => string,
): string[] {
  const sx = turned.width / display.width;
  const sy = turned.height / display.height;
  const left = Math.max(0, Math.round(crop.x * sx));
  const top = Math.max(0, Math.round(crop.y * sy));
  const right = Math.min(turned.width, Math.round((crop.x + crop.width) * sx));
  const bottom = Math.min(turned.height, Math.round((crop.y + crop.height) * sy));
  if (right - left < 2 || bottom - top < 2) throw new RangeError('the crop lies outside the picture');
  const filters: string[] = [];
  if (left > 0 || top > 0 || right < turned.width || bottom < turned.height)
    filters.push(...exactCrop(left, top, right, bottom, turned));
  // Where the crop reaches beyond the picture, the inside is placed on black.
  const inside = (lo: number, hi: number, from: number, length: number, side: number): [number, number] => {
    const start = Math.max(0, Math.round(((lo - from) / length) * side));
    return [start, Math.max(1, Math.min(side, Math.round(((hi - from) / length) * side)) - start)];
  };
  const [px, pw] = inside(left, right, crop.x * sx, crop.width * sx, out.width);
  const [py, ph] = inside(top, bottom, crop.y * sy, crop.height * sy, out.height);
  filters.push(scale(pw, ph), 'format=rgb24');
  if (pw !== out.width || ph !== out.height) filters.push(`pad=${out.width}:${out.height}:${px}:${py}:black`);
  return filters;
}

/** Odd edges cut through shared chroma samples: first cut outwards to even, then to the pixel without subsampling. */
function exactCrop(left: number, top: number, right: number, bottom: number, picture: PixelSize): string[] {
  const x = left - (left % 2);
  const y = top - (top % 2);
  const w = Math.min(picture.width, right + (right % 2)) - x;
  const h = Math.min(picture.height, bottom + (bottom % 2)) - y;
  const outer = `crop=${w}:${h}:${x}:${y}`;
  if (x === left && y === top && w === right - left && h === bottom - top) return [outer];
  return [outer, 'format=yuv444p', `crop=${right - left}:${bottom - top}:${left - x}:${top - y}`];
}
