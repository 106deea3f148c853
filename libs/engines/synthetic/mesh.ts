import type { Vec3 } from './vector.ts';

/** Linear RGB (3) or RGB and cover (4) per texel. */
export interface Texture {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Float32Array;
}

/** What one drawable thing keeps between frames: its rest geometry, and scratch rows that every frame overwrites. */
export interface Mesh {
  count: number;
  triangles: Int32Array;
  /** Head space, metres, 3 per vertex; rewritten where the thing moves with the face. */
  points: Float32Array;
  /** Share of the head's turn that a vertex follows; absent: none. */
  follow?: Float32Array;
  u?: Float32Array;
  v?: Float32Array;
  /** Corner uv points where they differ from `triangles`. */
  uvTriangles?: Int32Array;
  texture?: Texture;
  /** Colour factor, 3 per vertex. */
  tint?: Float32Array;
  /** Cover 0..1 per vertex. */
  cover?: Float32Array;
  /** Sky that a vertex sees, 0..1. */
  occlusion?: Float32Array;
  readonly twoSided: boolean;
  // Scratch of one frame.
  placed: Float32Array;
  normals: Float32Array;
  x: Float32Array;
  y: Float32Array;
  /** 1 / distance to the camera: larger is nearer. */
  z: Float32Array;
  light: Float32Array;
  gloss: Float32Array;
  /** Share of the key light that arrives. */
  lit: Float32Array;
  // Coordinates in the key light's shadow map.
  shadowX: Float32Array;
  shadowY: Float32Array;
  shadowZ: Float32Array;
}

type Given = Pick<Mesh, 'points' | 'triangles'> & Partial<Omit<Mesh, 'count'>>;

/** A mesh with its scratch rows. */
export function makeMesh(given: Given): Mesh {
  const count = given.points.length / 3;
  const row = (): Float32Array => new Float32Array(count);
  const rows = (): Float32Array => new Float32Array(3 * count);
  return {
    twoSided: false,
    placed: rows(),
    normals: rows(),
    x: row(),
    y: row(),
    z: row(),
    light: rows(),
    gloss: row(),
    lit: row().fill(1),
    shadowX: row(),
    shadowY: row(),
    shadowZ: row(),
    ...given,
    count,
  };
}

/** Triangles of a grid of `rows` × `columns` points; `wrap` joins the last row to the first. */
export function gridTriangles(columns: number, rows: number, wrap: boolean): Int32Array {
  const out: number[] = [];
  for (let j = 0; j < (wrap ? rows : rows - 1); j++) {
    for (let i = 0; i < columns - 1; i++) {
      const a = j * columns + i;
      const c = ((j + 1) % rows) * columns + i;
      out.push(a, c, a + 1, a + 1, c, c + 1);
    }
  }
  return Int32Array.from(out);
}

/** Area-weighted vertex normals of `points` into `mesh.normals`. */
export function computeNormals(mesh: Mesh, points: Float32Array): void {
  const { triangles, normals } = mesh;
  normals.fill(0);
  for (let t = 0; t < triangles.length; t += 3) {
    const a = triangles[t] * 3;
    const b = triangles[t + 1] * 3;
    const c = triangles[t + 2] * 3;
    const ax = points[a];
    const ay = points[a + 1];
    const az = points[a + 2];
    const ux = points[b] - ax;
    const uy = points[b + 1] - ay;
    const uz = points[b + 2] - az;
    const vx = points[c] - ax;
    const vy = points[c + 1] - ay;
    const vz = points[c + 2] - az;
    const x = uy * vz - uz * vy;
    const y = uz * vx - ux * vz;
    const z = ux * vy - uy * vx;
    normals[a] += x;
    normals[a + 1] += y;
    normals[a + 2] += z;
    normals[b] += x;
    normals[b + 1] += y;
    normals[b + 2] += z;
    normals[c] += x;
    normals[c + 1] += y;
    normals[c + 2] += z;
  }
  for (let i = 0; i < normals.length; i += 3) {
    const x = normals[i];
    const y = normals[i + 1];
    const z = normals[i + 2];
    const l = 1 / (Math.sqrt(x * x + y * y + z * z) || 1);
    normals[i] = x * l;
    normals[i + 1] = y * l;
    normals[i + 2] = z * l;
  }
}

/** Turns directions by a row-major 3 × 3 matrix. */
export function turnAll(m: ArrayLike<number>, from: Float32Array, to: Float32Array): void {
  const [a, b, c, d, e, f, g, h, k] = m as unknown as [number, number, number, number, number, number, number, number, number];
  for (let i = 0; i < from.length; i += 3) {
    const x = from[i];
    const y = from[i + 1];
    const z = from[i + 2];
    to[i] = a * x + b * y + c * z;
    to[i + 1] = d * x + e * y + f * z;
    to[i + 2] = g * x + h * y + k * z;
  }
}

/** Fills every vertex of a 3-row with one colour. */
export function fillColour(row: Float32Array, colour: Vec3): Float32Array {
  for (let i = 0; i < row.length; i += 3) row.set(colour, i);
  return row;
}
