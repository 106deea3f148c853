import type { Look } from './look.ts';
import type { Texture } from './mesh.ts';
import { fractalNoise3, noise3 } from './random.ts';
import { bump, mix, ramp, scale, type Vec3 } from './vector.ts';

/** Radius of the iris as a share of the disc. */
const IRIS = 0.405;
const SCLERA: Vec3 = [0.66, 0.62, 0.585];

/** An eye seen from the front as a disc: sclera with vessels, dark rim, fibres, pupil. */
export function paintEye(look: Look, side = 160): Texture {
  const data = new Float32Array(side * side * 3);
  const seed = look.seed % 991;
  for (let j = 0; j < side; j++) {
    for (let i = 0; i < side; i++) {
      const x = ((i + 0.5) / side) * 2 - 1;
      const y = ((j + 0.5) / side) * 2 - 1;
      const r = Math.hypot(x, y);
      const vessels =
        0.4 * ramp(0.5, 0.95, Math.abs(x)) + 0.12 * ramp(0.62, 0.8, fractalNoise3(x * 5 + 9, y * 9 + 9, 0, seed, 3));
      let c = mix(SCLERA, [0.6, 0.36, 0.3], vessels);
      if (r < IRIS + 0.05) c = mix(irisColour(look, Math.atan2(y, x), r, seed), c, ramp(IRIS - 0.02, IRIS + 0.04, r));
      data.set(c, (j * side + i) * 3);
    }
  }
  return { width: side, height: side, channels: 3, data };
}

function irisColour({ iris }: Look, angle: number, r: number, seed: number): Vec3 {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const broad = fractalNoise3(c * 4 + 20, s * 4, r * 3, seed + 3, 3);
  const fibres = noise3(c * 15 + 30, s * 15 + 30, r * 2, 4);
  let out = scale(iris, 0.6 + broad * 0.8 + fibres * 0.55);
  out = mix(out, [iris[0] * 1.9, iris[1] * 1.5, iris[2]], 0.5 * bump(r - 0.21, 0.05));
  out = mix(out, [0.006, 0.006, 0.007], ramp(IRIS - 0.085, IRIS, r) * 0.8);
  return mix(out, [0.002, 0.002, 0.002], ramp(0.175, 0.155, r));
}
