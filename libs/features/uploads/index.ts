export * from './media-kit.ts';
export * from './uploads.entities.ts';
export * from './uploads.module.ts';
export * from './uploads.service.ts';
