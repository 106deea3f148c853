export * from './label.ts';
export * from './probe-decoder.ts';
export * from './rendering.entities.ts';
export * from './rendering.errors.ts';
export * from './rendering.module.ts';
export * from './rendering.schema.ts';
export * from './rendering.service.ts';
export * from './rendering.states.ts';
