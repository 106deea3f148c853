import { neutralDrive } from '#face';
import { postureOf } from './drive-rig.ts';
import type { Replica } from './replica.ts';
import { ATTRIBUTES, AT } from './splat-layout.ts';

/** One Gaussian as every viewer means it. */
export interface NeutralSplat {
  readonly position: readonly [number, number, number];
  /** Standard deviations along its own axes, in units of the position. */
  readonly scale: readonly [number, number, number];
  /** Unit quaternion w x y z. */
  readonly rotation: readonly [number, number, number, number];
  /** 0..1. */
  readonly opacity: number;
  /** Colour 0..1, sRGB. */
  readonly colour: readonly [number, number, number];
}

/** One unit of an exported scene is a metre; this many outer eye corner distances make one. */
const EYES_PER_METRE = 1 / 0.09;

/**
 * The head at rest as a plain list of Gaussians: metres, +x the subject's left, +y up, +z out of the face. Expression bases are not in
 * it (no interchange format carries them), and neither is the background. Splats too faint to be drawn are left out.
 */
export function neutralSplats({ model, rig }: Replica): NeutralSplat[] {
  const { posture } = postureOf(rig, model.blocks, neutralDrive(restPose(rig)));
  const cur = Float64Array.from(model.base);
  model.blocks.forEach(({ first, count, delta }, b) => {
    posture.weights[b]!.forEach((w, k) => {
      for (let i = 0; i < count * ATTRIBUTES; i++) {
        cur[first * ATTRIBUTES + i] = cur[first * ATTRIBUTES + i]! + w * delta[k * count * ATTRIBUTES + i]!;
      }
    });
  });
  const metre = 1 / (rig.units.eyes * EYES_PER_METRE);
  const out: NeutralSplat[] = [];
  for (let i = 0; i < model.count; i++) {
    const at = (k: number): number => cur[i * ATTRIBUTES + k]!;
    const opacity = 1 / (1 + Math.exp(-at(AT.opacity)));
    if (!(opacity >= 1 / 255)) continue;
    const q = [6, 7, 8, 9].map(at);
    const length = Math.hypot(...q);
    // Half a turn about x: picture axes (y down, z away) → y up, z to the viewer. (w, x, y, z) → i ⊗ q = (−x, w, −z, y).
    const [w, x, y, z] = q.map((v) => v / length) as [number, number, number, number];
    out.push({
      position: [at(0) * metre, -at(1) * metre, -at(2) * metre],
      scale: [Math.exp(at(3)) * metre, Math.exp(at(4)) * metre, Math.exp(at(5)) * metre],
      rotation: [-x, w, -z, y],
      opacity,
      colour: [at(11), at(12), at(13)].map((c) => Math.max(0, Math.min(1, c))) as [number, number, number],
    });
  }
  return out;
}

/** Frontal, in place: what the reference picture had, without its turn. */
const restPose = ({ units, reference }: Replica['rig']) => ({
  x: reference.x / units.side,
  y: reference.y / units.side,
  scale: (reference.s * units.eyes) / units.side,
});
