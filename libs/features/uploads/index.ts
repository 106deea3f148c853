export * from './media-kit.ts';
export { UploadCheck, UploadDiscard, workerPrincipal } from './upload-check.ts';
export { MAX_UPLOAD_BYTES, type NewUpload, UPLOAD_CHECK_JOB, UPLOAD_DISCARD_JOB, UploadSessions } from './upload-sessions.ts';
export * from './uploads.entities.ts';
export * from './uploads.errors.ts';
export * from './uploads.module.ts';
export * from './uploads.service.ts';
