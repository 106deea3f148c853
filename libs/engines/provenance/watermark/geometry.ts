/** How a picture lies on the plane of chips. */
export interface Geometry {
  /** Chips along the short side that the picture was marked with, see `chipsPerSide`. */
  readonly chips: number;
  /** Share of the marked picture's short side that is seen: 1 uncropped, 0.7 cropped, above 1 inside a larger canvas. */
  readonly scale: number;
  /** Stretch: horizontal over vertical is its square. */
  readonly aspect: number;
  /** Radians. */
  readonly rotation: number;
  /** Shift of the picture's centre, in chips. */
  readonly dx: number;
  readonly dy: number;
  /** Mirrored left to right. */
  readonly flip: boolean;
}

export const identity = (chips: number): Geometry => ({ chips, scale: 1, aspect: 1, rotation: 0, dx: 0, dy: 0, flip: false });

/** Chip coordinates relative to the plane's centre → pixels relative to the picture's centre: x = a·u + b·v, y = c·u + d·v. */
export function affineOf(g: Geometry, shortSide: number): { a: number; b: number; c: number; d: number; kx: number; ky: number } {
  const pixels = shortSide / g.chips / g.scale;
  const kx = pixels * g.aspect;
  const ky = pixels / g.aspect;
  const sign = g.flip ? -1 : 1;
  const cos = Math.cos(g.rotation);
  const sin = Math.sin(g.rotation);
  return { a: cos * kx * sign, b: -sin * ky, c: sin * kx * sign, d: cos * ky, kx, ky };
}
