/**
 * One splat: 16 floats. Position in pixels of the working picture in canonical head axes (+x right, +y down, +z away; origin at the
 * head's pivot), log scale, quaternion w x y z, opacity logit, colour 0..1, logit of the head bone's share, one unused.
 */
export const ATTRIBUTES = 16;
export const AT = { position: 0, logScale: 3, quaternion: 6, opacity: 10, colour: 11, bone: 14 } as const;

/** Floats of a record in the rasteriser: x, y, conic A B C, cut-off, opacity, half height, r, g, b, half width. */
export const RECORD = 12;
/** Floats of a picture gradient: x, y, A, B, C, opacity, r, g, b, unused. */
export const GRADIENT = 10;
/** Two bones of 12 floats: 3 × 3 (rows picture x, picture y, depth), translation x, y, unused. */
export const BONES = 24;

export const BLOCK_NAMES = ['mouth', 'eyeLeft', 'eyeRight', 'head', 'torso'] as const;
export type BlockName = (typeof BLOCK_NAMES)[number];

/** Splats that share one list of drive columns. Blocks lie one after the other. */
export interface SplatBlock {
  readonly name: BlockName;
  readonly first: number;
  readonly count: number;
  /** Names of the columns that move this block. */
  readonly columns: readonly string[];
  /** columns × count × 16. */
  readonly delta: Float32Array;
}

/** Splat = base + Σ w_column delta_column. */
export interface SplatModel {
  readonly count: number;
  /** count × 16. */
  readonly base: Float32Array;
  /** Share of the head bone per splat, 0..1; negative: learned, the logistic of attribute 14. */
  readonly headShare: Float32Array;
  readonly blocks: readonly SplatBlock[];
}
