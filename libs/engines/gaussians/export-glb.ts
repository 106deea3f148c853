import { type NeutralSplat, neutralSplats } from './neutral-splats.ts';
import type { Replica } from './replica.ts';

const SH0 = 0.28209479177387814;
const GLB_MAGIC = 0x46546c67;
const CHUNK_JSON = 0x4e4f534a;
const CHUNK_BIN = 0x004e4942;
const FLOAT = 5126;

/** The neutral head as glTF binary with `KHR_gaussian_splatting`. */
export const exportGlb = (replica: Replica): Uint8Array => writeGlb(neutralSplats(replica));

/**
 * One POINTS primitive. As the extension says: rotation x y z w, scale and opacity linear (unlike .ply), colour as coefficients of the
 * degree-0 harmonic.
 */
export function writeGlb(splats: readonly NeutralSplat[]): Uint8Array {
  const n = splats.length;
  const attributes = [
    { name: 'POSITION', type: 'VEC3', values: splats.map((s) => s.position as readonly number[]) },
    { name: 'KHR_gaussian_splatting:ROTATION', type: 'VEC4', values: splats.map(({ rotation: [w, x, y, z] }) => [x, y, z, w]) },
    { name: 'KHR_gaussian_splatting:SCALE', type: 'VEC3', values: splats.map((s) => s.scale as readonly number[]) },
    { name: 'KHR_gaussian_splatting:OPACITY', type: 'SCALAR', values: splats.map((s) => [s.opacity]) },
    {
      name: 'KHR_gaussian_splatting:SH_DEGREE_0_COEF_0',
      type: 'VEC3',
      values: splats.map((s) => s.colour.map((c) => (c - 0.5) / SH0)),
    },
  ];
  const width = (type: string): number => (type === 'SCALAR' ? 1 : Number(type.at(-1)));
  let offset = 0;
  const views = attributes.map(({ type }) => {
    const view = { buffer: 0, byteOffset: offset, byteLength: 4 * n * width(type) };
    offset += view.byteLength;
    return view;
  });
  const bounds = (pick: (a: number, b: number) => number, start: number): number[] =>
    [0, 1, 2].map((c) => splats.reduce((v, s) => pick(v, Math.fround(s.position[c]!)), start));
  const document = {
    asset: { version: '2.0', generator: 'assent' },
    extensionsUsed: ['KHR_gaussian_splatting'],
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ mesh: 0 }],
    meshes: [
      {
        primitives: [
          {
            mode: 0,
            attributes: Object.fromEntries(attributes.map(({ name }, k) => [name, k])),
            extensions: { KHR_gaussian_splatting: { kernel: 'ellipse', colorSpace: 'srgb_rec709_display' } },
          },
        ],
      },
    ],
    accessors: attributes.map(({ type }, k) => ({
      bufferView: k,
      componentType: FLOAT,
      count: n,
      type,
      ...(k === 0 && n > 0 ? { min: bounds(Math.min, Infinity), max: bounds(Math.max, -Infinity) } : {}),
    })),
    bufferViews: views,
    buffers: [{ byteLength: offset }],
  };
  const binary = new Uint8Array(offset);
  const view = new DataView(binary.buffer);
  attributes.forEach(({ type, values }, k) => {
    values.forEach((row, i) => row.forEach((v, c) => view.setFloat32(views[k]!.byteOffset + 4 * (i * width(type) + c), v, true)));
  });
  return container(new TextEncoder().encode(JSON.stringify(document)), binary);
}

/** GLB 2.0: 12 bytes of header, a JSON chunk padded with spaces, a binary chunk padded with zeros. */
function container(json: Uint8Array, binary: Uint8Array): Uint8Array {
  const up = (n: number): number => (n + 3) & ~3;
  const total = 12 + 8 + up(json.length) + 8 + up(binary.length);
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  [GLB_MAGIC, 2, total, up(json.length), CHUNK_JSON].forEach((v, k) => view.setUint32(4 * k, v, true));
  out.fill(0x20, 20, 20 + up(json.length));
  out.set(json, 20);
  const at = 20 + up(json.length);
  view.setUint32(at, up(binary.length), true);
  view.setUint32(at + 4, CHUNK_BIN, true);
  out.set(binary, at + 8);
  return out;
}
