export * from './canonical-json.ts';
export * from './checkpoint.ts';
export * from './compact-range.ts';
export * from './merkle.ts';
export * from './proofs.ts';
export * from './signed-note.ts';
export * from './tiles.ts';
