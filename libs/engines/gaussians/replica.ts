import type { SplatModel } from './splat-layout.ts';
import type { Rig } from './drive-rig.ts';

export const ENGINE_VERSION = 'splat-head/1';

/** What a replica says about itself. No personal data: names and numbers of the machine only. */
export interface ReplicaManifest {
  readonly engine: string;
  readonly seed: number;
  readonly size: number;
  readonly splats: number;
  /** Delta bases per block. */
  readonly bases: Readonly<Record<string, number>>;
  readonly iterations: number;
  readonly trainingFrames: number;
  /** Named numbers that drive it and the range that training footage showed. */
  readonly ranges: readonly { readonly name: string; readonly lo: number; readonly hi: number }[];
  /** sha256 of the head asset and of every model file that took part. */
  readonly head: string;
  readonly models: Readonly<Record<string, string>>;
}

/** How a splat is attached to the head asset: 0xffff for none. */
export interface SplatBindings {
  /** Triangle of the head asset per splat. */
  readonly triangle: Uint16Array;
  /** Two barycentrics per splat. */
  readonly barycentric: Float32Array;
  /** Height above the surface, canonical pixels. */
  readonly height: Float32Array;
}

/** A person's drivable splat head. Biometric data: it may only leave the process sealed. */
export interface Replica {
  readonly manifest: ReplicaManifest;
  readonly model: SplatModel;
  readonly rig: Rig;
  readonly bindings: SplatBindings;
  /** Background, interleaved rgb, size². */
  readonly plate: Uint8Array;
}

/** A head share is a weight, or −1 where it is learned. */
export const HEAD_SHARE_LIMITS: readonly [number, number] = [-1, 1];
