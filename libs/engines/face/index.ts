export type * from './track.ts';
