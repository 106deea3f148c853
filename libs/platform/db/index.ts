export * from './db.ts';
export * from './embedded-postgres.ts';
export * from './migrate.ts';
