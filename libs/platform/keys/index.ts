export { syncFolder, writeDurably } from './durable-file.ts';
export * from './key-store.ts';
export * from './sealing.ts';
