export * from './audit.entities.ts';
export * from './audit.events.ts';
export * from './audit.ts';
export * from './bundle-verifier.ts';
export * from './bundle.ts';
export * from './head-file.ts';
export * from './log-line.ts';
export * from './sequencer.ts';
