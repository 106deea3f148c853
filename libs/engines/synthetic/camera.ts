import type { Mesh } from './mesh.ts';
import type { Vec3 } from './vector.ts';

/** The one camera of the studio: metres from the head's origin, height of the frame at the head, its centre. */
export const CAMERA = { distance: 1.05, span: 0.36, centreY: 0.014 } as const;
/** Where a head turns: the top of the neck. */
export const PIVOT: Vec3 = [0, -0.055, -0.02];

const RADIANS = Math.PI / 180;

/** Pose of a frame in a raster of `width` pixels. */
export interface View {
  readonly width: number;
  /** 1 = one head fills the picture. */
  readonly zoom: number;
  /** Row-major 3 × 3. */
  readonly rotation: readonly number[];
  /** Metres. */
  readonly shift: readonly [number, number];
}

/** Degrees; + yaw to the subject's left, + pitch looks up, + roll tilts to the subject's right shoulder. */
export function turn(yaw: number, pitch: number, roll: number): number[] {
  const [cy, sy] = [Math.cos(yaw * RADIANS), Math.sin(yaw * RADIANS)];
  const [cp, sp] = [Math.cos(pitch * RADIANS), Math.sin(pitch * RADIANS)];
  const [cr, sr] = [Math.cos(roll * RADIANS), Math.sin(roll * RADIANS)];
  return times([cy, 0, sy, 0, 1, 0, -sy, 0, cy], times([1, 0, 0, 0, cp, sp, 0, -sp, cp], [cr, -sr, 0, sr, cr, 0, 0, 0, 1]));
}

function times(a: readonly number[], b: readonly number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) out.push(a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j]);
  }
  return out;
}

/** Turns, places and projects the points of a mesh. */
export function place(mesh: Mesh, { width, zoom, rotation, shift }: View): void {
  const { points, placed, x: X, y: Y, z: Z, count, follow } = mesh;
  const [m0, m1, m2, m3, m4, m5, m6, m7, m8] = rotation;
  const focal = (width * zoom * CAMERA.distance) / CAMERA.span;
  const half = width / 2;
  for (let i = 0, a = 0; i < count; i++, a += 3) {
    const x = points[a] - PIVOT[0];
    const y = points[a + 1] - PIVOT[1];
    const z = points[a + 2] - PIVOT[2];
    let px = x;
    let py = y;
    let pz = z;
    if (follow !== undefined) {
      const k = follow[i];
      px += (m0 * x + m1 * y + m2 * z - x) * k;
      py += (m3 * x + m4 * y + m5 * z - y) * k;
      pz += (m6 * x + m7 * y + m8 * z - z) * k;
    }
    px += PIVOT[0] + shift[0];
    py += PIVOT[1] + shift[1];
    pz += PIVOT[2];
    placed[a] = px;
    placed[a + 1] = py;
    placed[a + 2] = pz;
    const near = 1 / (CAMERA.distance - pz);
    X[i] = half + focal * px * near;
    Y[i] = half - focal * (py - CAMERA.centreY) * near;
    Z[i] = near;
  }
}

/** Pixel and nearness of a point that follows the head fully. */
export function project(p: Vec3, { width, zoom, rotation: m, shift }: View): readonly [x: number, y: number, near: number] {
  const [x, y, z] = [p[0] - PIVOT[0], p[1] - PIVOT[1], p[2] - PIVOT[2]];
  const px = m[0] * x + m[1] * y + m[2] * z + PIVOT[0] + shift[0];
  const py = m[3] * x + m[4] * y + m[5] * z + PIVOT[1] + shift[1];
  const near = 1 / (CAMERA.distance - (m[6] * x + m[7] * y + m[8] * z + PIVOT[2]));
  const focal = (width * zoom * CAMERA.distance) / CAMERA.span;
  return [width / 2 + focal * px * near, width / 2 - focal * (py - CAMERA.centreY) * near, near];
}
