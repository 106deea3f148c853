export * from './consent-record.ts';
export * from './consent.entities.ts';
export * from './consent.errors.ts';
export * from './consent.gate.ts';
export * from './consent.module.ts';
export * from './consent.schema.ts';
export * from './consent.service.ts';
export * from './consent.states.ts';
