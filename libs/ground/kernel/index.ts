export type * from './bench.ts';
export * from './clock.ts';
export * from './config.ts';
export * from './domain-error.ts';
export * from './ids.ts';
export * from './paths.ts';
export type * from './picture.ts';
export * from './principal.ts';
export type * from './tx.ts';
