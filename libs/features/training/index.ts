export type { FitSummary } from './fit.child.ts';
export * from './training.entities.ts';
export * from './training.module.ts';
export * from './training.schema.ts';
export * from './training.service.ts';
export * from './training.states.ts';
