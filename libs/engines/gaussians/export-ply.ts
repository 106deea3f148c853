import { type NeutralSplat, neutralSplats } from './neutral-splats.ts';
import type { Replica } from './replica.ts';

/** Degree-0 spherical harmonic: colour = 0.5 + SH0 × f_dc. */
const SH0 = 0.28209479177387814;
const PROPERTIES = ['x', 'y', 'z', 'f_dc_0', 'f_dc_1', 'f_dc_2', 'opacity', 'scale_0', 'scale_1', 'scale_2', 'rot_0', 'rot_1', 'rot_2', 'rot_3']; // prettier-ignore
/** Keeps ln(p / (1 − p)) finite. */
const MARGIN = 1e-6;

/** The neutral head as a 3D Gaussian splatting .ply: binary little-endian, no f_rest. */
export const exportPly = (replica: Replica): Uint8Array => writePly(neutralSplats(replica));

/** Scale as natural logarithm, opacity as logit, rotation w x y z, colour as f_dc = (c − 0.5) / SH0. */
export function writePly(splats: readonly NeutralSplat[]): Uint8Array {
  const header = [
    'ply',
    'format binary_little_endian 1.0',
    `element vertex ${splats.length}`,
    ...PROPERTIES.map((name) => `property float ${name}`),
    'end_header\n',
  ].join('\n');
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(text.length + 4 * PROPERTIES.length * splats.length);
  out.set(text);
  const view = new DataView(out.buffer);
  splats.forEach(({ position, scale, rotation, opacity, colour }, i) => {
    const p = Math.max(MARGIN, Math.min(1 - MARGIN, opacity));
    const values = [
      ...position,
      ...colour.map((c) => (c - 0.5) / SH0),
      Math.log(p / (1 - p)),
      ...scale.map((s) => Math.log(s)),
      ...rotation,
    ];
    values.forEach((v, k) => view.setFloat32(text.length + 4 * (i * PROPERTIES.length + k), v, true));
  });
  return out;
}
