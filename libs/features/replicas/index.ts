export * from './mark-registry.ts';
export * from './replicas.entities.ts';
export * from './replicas.module.ts';
export * from './replicas.service.ts';
export * from './replicas.states.ts';
export * from './signing-kit.ts';
