import type { Look } from './look.ts';
import { gridTriangles, makeMesh, type Mesh } from './mesh.ts';
import { lerp, type Vec3 } from './vector.ts';

const SIDES = 6;

/** Rims, bridge and temples as tubes. `landmark` gives points of the rested head in metres. */
export function makeGlasses(landmark: (i: number) => Vec3, design: NonNullable<Look['glasses']>): Mesh[] {
  const { rx = 0.0225, ry = 0.018, square = 0.75, thick = 0.0016 } = design;
  const ear = Math.abs(landmark(454)[0]) + 0.004;
  // In front of the bridge and of the cheeks below the rims.
  const front = Math.max(landmark(6)[2] + 0.0065, landmark(101)[2] + 0.007, landmark(330)[2] + 0.007);
  const eyes = ([[33, 133, -1], [263, 362, 1]] as const).map(([outer, inner, side]) => {
    const [a, b] = [landmark(outer), landmark(inner)];
    return { x: (a[0] + b[0]) / 2 + side * 0.0012, y: (a[1] + b[1]) / 2 - 0.002, side };
  }); // prettier-ignore
  const meshes: Mesh[] = [];
  for (const eye of eyes) {
    const rim = Array.from({ length: 34 }, (_, i): Vec3 => {
      const a = (i / 34) * 2 * Math.PI;
      const round = (s: number): number => Math.sign(s) * Math.abs(s) ** square;
      const x = eye.x + rx * round(Math.cos(a));
      return [x, eye.y + ry * round(Math.sin(a)), front - 9.6 * Math.max(0, Math.abs(x) - 0.012) ** 2];
    });
    meshes.push(tube(rim, thick, { closed: true }));
  }
  const gap = Math.abs(eyes[0].x) - rx;
  const bridge = Array.from({ length: 9 }, (_, i): Vec3 => {
    const t = (i / 8) * 2 - 1;
    return [t * gap, eyes[0].y + 0.005 + 0.0025 * (1 - t * t), front + 0.0012 * (1 - t * t)];
  });
  meshes.push(tube(bridge, thick, {}));
  for (const eye of eyes) {
    const hinge = Math.abs(eye.x) + rx;
    const temple = Array.from({ length: 12 }, (_, i): Vec3 => {
      const t = i / 11;
      return [
        eye.side * lerp(hinge, ear, Math.min(1, t * 1.5) ** 0.6),
        eye.y + 0.005 - 0.004 * t,
        lerp(front - 9.6 * (hinge - 0.012) ** 2, -0.005, t),
      ];
    });
    meshes.push(tube(temple, thick, { flat: true }));
  }
  return meshes;
}

function tube(line: readonly Vec3[], thick: number, { closed = false, flat = false }): Mesh {
  const points = new Float32Array(line.length * SIDES * 3);
  line.forEach((p, i) => {
    const a = line[(i + line.length - 1) % line.length];
    const b = line[(i + 1) % line.length];
    const inner = closed || (i > 0 && i < line.length - 1);
    const tangent: Vec3 = inner ? [b[0] - a[0], b[1] - a[1], b[2] - a[2]] : [1, 0, 0];
    const n: Vec3 = flat ? [0, 1, 0] : [-tangent[1], tangent[0], 0];
    const length = Math.hypot(...n) || 1;
    const m: Vec3 = flat ? [1, 0, 0] : [0, 0, 1];
    for (let j = 0; j < SIDES; j++) {
      const w = (j / (SIDES - 1)) * 2 * Math.PI;
      for (let d = 0; d < 3; d++) {
        points[3 * (i * SIDES + j) + d] = p[d] + thick * ((Math.cos(w) * n[d]) / length + Math.sin(w) * m[d]);
      }
    }
  });
  const count = points.length / 3;
  return makeMesh({
    points,
    triangles: gridTriangles(SIDES, line.length, closed),
    follow: new Float32Array(count).fill(1),
    twoSided: true,
  });
}
