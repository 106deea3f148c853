export { type Evaluation, evaluateReplica } from './evaluate.ts';
export type { FitInput } from './fit-input.ts';
export type { FitProgress } from './fit-progress.ts';
export { DEFAULT_FIT, type FitOptions, fitReplica, type FitResult } from './fit-replica.ts';
export * from './gaussians.errors.ts';
export type { Psnr } from './head-region.ts';
export { createRenderer, type Rendered, type Renderer } from './renderer.ts';
export { ENGINE_VERSION, type Replica, type ReplicaManifest } from './replica.ts';
export { decodeReplica, encodeReplica } from './replica-codec.ts';
