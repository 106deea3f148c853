export * from './coefficients.ts';
export * from './deform.ts';
export * from './face.errors.ts';
export * from './head-asset.ts';
export * from './landmark-groups.ts';
export type * from './track.ts';
