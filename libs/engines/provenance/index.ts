export * from './mark-registry.ts';
export * from './media-signature.ts';
export * from './read-c2pa.ts';
export * from './sign-asset.ts';
export * from './trust.ts';
export * from './verify.ts';
export * from './watermark/index.ts';
