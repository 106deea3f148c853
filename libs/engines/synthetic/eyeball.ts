import type { ExposedLight } from './light.ts';
import { gridTriangles, makeMesh, type Mesh, type Texture } from './mesh.ts';
import { ramp, type Vec3 } from './vector.ts';

const ROUND = 24;
const RINGS = 12;
const RADIANS = Math.PI / 180;

export interface Eye extends Mesh {
  readonly centre: Vec3;
  readonly radius: number;
  /** Points about the centre, looking straight ahead. */
  readonly ahead: Float32Array;
}

/** The visible cap of an eyeball with a bulging cornea; the eye texture is mapped on it as a disc. */
export function makeEye({ centre, radius }: { centre: Vec3; radius: number }, texture: Texture): Eye {
  const count = ROUND * RINGS;
  const ahead = new Float32Array(3 * count);
  const u = new Float32Array(count);
  const v = new Float32Array(count);
  for (let j = 0; j < RINGS; j++) {
    const theta = (j / (RINGS - 1)) * 1.3;
    const q = Math.sin(theta);
    const cornea = theta < 0.45 ? 0.045 * radius * (1 - (theta / 0.45) ** 2) : 0;
    for (let i = 0; i < ROUND; i++) {
      const b = (i / (ROUND - 1)) * 2 * Math.PI;
      const k = j * ROUND + i;
      ahead.set([radius * q * Math.cos(b), radius * q * Math.sin(b), radius * Math.cos(theta) + cornea], 3 * k);
      u[k] = 0.5 + 0.49 * q * Math.cos(b);
      v[k] = 0.5 - 0.49 * q * Math.sin(b);
    }
  }
  const mesh = makeMesh({
    points: new Float32Array(3 * count),
    triangles: gridTriangles(ROUND, RINGS, false),
    follow: new Float32Array(count).fill(1),
    u,
    v,
    texture,
    twoSided: true,
  });
  return { ...mesh, centre, radius, ahead };
}

/** Turns an eye; degrees, + yaw to the subject's left, + pitch up. */
export function aimEye(eye: Eye, yaw: number, pitch: number): void {
  const [ca, sa] = [Math.cos(yaw * RADIANS), Math.sin(yaw * RADIANS)];
  const [cb, sb] = [Math.cos(pitch * RADIANS), Math.sin(pitch * RADIANS)];
  const { ahead, points, centre } = eye;
  for (let i = 0; i < ahead.length; i += 3) {
    const x = ahead[i];
    const y = ahead[i + 1] * cb + ahead[i + 2] * sb;
    const z = ahead[i + 2] * cb - ahead[i + 1] * sb;
    points[i] = x * ca + z * sa + centre[0];
    points[i + 1] = y + centre[1];
    points[i + 2] = z * ca - x * sa + centre[2];
  }
}

/** Evenly lit, darker under the upper lid and towards the corners: an eyeball is wet and sits in a socket. */
export function lightEye(eye: Eye, { lamps, sky }: ExposedLight): void {
  const base = [0, 1, 2].map((k) => lamps.reduce((sum, l) => sum + l.colour[k] * 0.34 * Math.max(0, l.from[2]), sky[k] * 0.55));
  const { points, centre, radius, light, count } = eye;
  for (let i = 0; i < count; i++) {
    const y = (points[3 * i + 1] - centre[1]) / radius;
    const x = (points[3 * i] - centre[0]) / radius;
    const k = (1 - 0.62 * ramp(-0.02, 0.42, y)) * (1 - 0.5 * ramp(0.35, 0.85, Math.abs(x)));
    for (let c = 0; c < 3; c++) light[3 * i + c] = base[c] * k;
  }
}
