export * from './access.entities.ts';
export * from './access.errors.ts';
export * from './api-keys.ts';
export * from './authenticator.ts';
export * from './idempotency.ts';
export * from './links.ts';
export * from './permissions.ts';
