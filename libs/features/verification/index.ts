export { COST_LIMITS, CostBuckets, type CostLimits } from './cost-bucket.ts';
export { type DeskLimits, MAX_VERIFY_FILE, VerificationDesk } from './verification-desk.ts';
export * from './verification-kit.ts';
export * from './verification.errors.ts';
export * from './verification.module.ts';
export * from './verification.service.ts';
