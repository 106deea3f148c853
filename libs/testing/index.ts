export * from './database.ts';
export * from './platform.ts';
