export * from './database.ts';
export * from './platform.ts';
export * from './servers.ts';
export * from './synthetic-clip.ts';
