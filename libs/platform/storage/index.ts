export { ObjectCorruptError } from './chunked-cipher.ts';
export * from './object-store.ts';
export * from './objects.entities.ts';
export * from './objects.ts';
export * from './scratch.ts';
