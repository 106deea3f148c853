export * from './verification.module.ts';
export * from './verification.service.ts';
