export { ObjectCorruptError } from './chunked-cipher.ts';
export * from './object-store.ts';
export * from './objects.entities.ts';
export * from './objects.ts';
export * from './open-store.ts';
export * from './scratch.ts';
export * from './segments.ts';
